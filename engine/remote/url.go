package remote

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// baseURL parses the URL of a server.
func baseURL(s string) (*url.URL, error) {
	full := s
	if !strings.Contains(s, "://") {
		full = "https://" + s
	}
	u, err := url.Parse(full)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &fault.Error{
			Kind: fault.Invalid, Cause: err, Param: "url",
			Msg:    "not the URL of a server: " + s,
			Advice: "Write it like http://host:port",
		}
	}
	if full != s && isLoopback(u.Hostname()) {
		u.Scheme = "http"
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/v1")
	u.RawPath, u.RawQuery, u.Fragment = "", "", ""
	return u, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// maxRedirects bounds the redirects within a server.
const maxRedirects = 5

// sameHost follows redirects within a server only: the key and the conversation are meant
// for that server.
func sameHost(also func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		from := via[0].URL
		switch {
		case next.URL.Host != from.Host, from.Scheme == "https" && next.URL.Scheme != "https":
			return &fault.Error{
				Kind:   fault.Network,
				Msg:    "the server " + from.Host + " sends the request on to " + cmp.Or(next.URL.Scheme+"://"+next.URL.Host, "nowhere"),
				Advice: "Use that URL if you trust it.",
			}
		case len(via) > maxRedirects:
			return fault.Errorf(fault.Network, "the server %s redirects too often", from.Host)
		case also != nil:
			return also(next, via)
		}
		return nil
	}
}
