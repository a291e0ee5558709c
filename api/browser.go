package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Browsers rejects requests of web pages from elsewhere: a page could send requests to this
// machine, or make its own name resolve to it and read the answers. Pages of this machine
// may use the handler. Local means that the handler is reachable from this machine only,
// so that requests under another host name come from such pages.
//
// Programs other than browsers send no Origin and are not affected.
func Browsers(h http.Handler, local bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local && !loopback(r.Host) {
			writeError(w, newRefusal("", "unknown host %.100q", r.Host).
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
			writeError(w, newRefusal("", "pages of %.100q may not use this server", origin).
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

// loopback reports whether a host, with or without a port, is a name that only this
// machine has.
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
