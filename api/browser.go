package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Browsers lets the pages of this machine use a handler that listens on it, and
// no others: a page from elsewhere could send requests to it, or make its own name
// point here and read the answers, too. Local says that the handler can only be
// reached from this machine, so that requests by another name are such.
//
// Programs that are no browsers, which say no Origin, are not concerned.
func Browsers(h http.Handler, local bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local && !loopback(r.Host) {
			writeError(w, refuse("", "the server is not called %.100q", r.Host).
				as("not_supported", "").status(http.StatusForbidden).advise("Call it localhost or 127.0.0.1"))
			return
		}
		origin := r.Header.Get("Origin")
		if origin == "" {
			h.ServeHTTP(w, r)
			return
		}
		page, err := url.Parse(origin)
		if err != nil || page.Host != r.Host && !loopback(page.Host) {
			writeError(w, refuse("", "pages of %.100q may not use this server", origin).
				as("not_supported", "").status(http.StatusForbidden).advise("Only pages of this machine may"))
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Add("Vary", "Origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.Header().Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Api-Key")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// loopback reports whether a host, with or without a port, is a name of this
// machine that nobody else can give.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}
