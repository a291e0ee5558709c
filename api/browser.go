package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Web says which web pages may use a handler.
type Web struct {
	// Local means that the handler is reachable from this machine only, so that requests under
	// another host name come from pages that made their own name resolve to it.
	Local bool
	// Origins of pages and apps that may use it, besides those of this machine. A * is any text
	// without a slash.
	Origins []string
}

// Browsers rejects requests of web pages from elsewhere: a page could send requests to this
// machine, or make its own name resolve to it and read the answers. Programs other than
// browsers send no Origin and are not affected.
func Browsers(h http.Handler, web Web) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if web.Local && !loopback(r.Host) {
			writeError(w, newRefusal("", "unknown host %.100q", r.Host).
				as("not_supported", "").status(http.StatusForbidden).advise("Call it localhost or 127.0.0.1"))
			return
		}
		origin := r.Header.Get("Origin")
		if origin == "" {
			h.ServeHTTP(w, r)
			return
		}
		if !web.allows(origin, r.Host) {
			writeError(w, newRefusal("", "pages of %.100q may not use this server", origin).
				as("not_supported", "").status(http.StatusForbidden).advise("Allow it with --origins"))
			return
		}
		head := w.Header()
		head.Set("Access-Control-Allow-Origin", origin)
		head.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id, "+schemaChecked+", "+schemaIgnored)
		head.Add("Vary", "Origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			preflight(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// preflight answers a browser that asks what an allowed page may send: every header, such as
// the x-stainless-… of OpenAI's and Anthropic's clients.
func preflight(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	asked := r.Header.Get("Access-Control-Request-Headers")
	const longest = 4096
	if asked == "" || len(asked) > longest {
		asked = "Authorization, Content-Type, X-Api-Key"
	}
	head.Set("Access-Control-Allow-Headers", asked)
	head.Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		head.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
}

// allows reports whether a page of an origin may use the handler.
func (web Web) allows(origin, host string) bool {
	page, err := url.Parse(origin)
	if err != nil {
		return false
	}
	if ours := page.Scheme == "http" || page.Scheme == "https"; ours && (page.Host == host || loopback(page.Host)) {
		return true
	}
	return slices.ContainsFunc(web.Origins, func(allowed string) bool {
		ok, err := path.Match(strings.ToLower(allowed), strings.ToLower(origin))
		return allowed == "*" || ok && err == nil
	})
}

// loopback reports whether a host, with or without a port, is a name that only this
// machine has.
func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	// Docker's name of the machine, for containers on it.
	if host == "localhost" || host == "host.docker.internal" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}
