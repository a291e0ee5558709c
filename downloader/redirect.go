package downloader

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// maxHops is the limit of redirects in a row.
const maxHops = 10

// A trail is the redirects of a request.
type trail struct {
	hops []string // requested URLs with their queries, never for display
	// public is whether a public server has responded. It may not redirect to a private
	// network.
	public bool
}

type trailKey struct{}

func trailOf(ctx context.Context) trail {
	t, _ := ctx.Value(trailKey{}).(trail)
	return t
}

// display formats the trail without queries, which may contain signatures.
func (t trail) display() string {
	var list []string
	for _, hop := range t.hops {
		if u, err := url.Parse(hop); err == nil {
			list = append(list, DisplayURL(u))
		}
	}
	return strings.Join(list, " → ")
}

// DisplayURL formats a URL without user and query, which may be secret.
func DisplayURL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// origin is scheme, host and port.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// SameOrigin reports whether two URLs have the same scheme, host and port, so that one may get
// the credentials of the other.
func SameOrigin(a, b *url.URL) bool { return origin(a) == origin(b) }

// IsRedirect reports whether a response is a redirect.
func IsRedirect(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// credentialHeaders must not be sent to another origin.
var credentialHeaders = []string{"Authorization", "Cookie", "Proxy-Authorization"}

// Follow makes the request for a redirect: the same request, without credentials for another
// origin. An unsafe target is an error of kind [fault.Refused]. Follow closes the body.
func (c *Client) Follow(resp *http.Response) (*http.Request, error) {
	resp.Body.Close()
	from := resp.Request
	t := trailOf(from.Context())
	to, err := redirectTarget(from.URL, resp.Header.Get("Location"))
	if err == nil && slices.Contains(t.hops, to.String()) {
		err = errors.New("it is a loop")
	}
	if err == nil && len(t.hops) > maxHops {
		err = fmt.Errorf("%d redirects in a row", len(t.hops))
	}
	if err == nil && t.public && isPrivateName(to.Hostname()) {
		err = errPrivate
	}
	if err != nil {
		return nil, failure(fault.Refused, resp, err, fmt.Sprintf("follow a redirect of %s: %v", t.display(), err),
			"The server or a proxy is misconfigured.")
	}
	req := from.Clone(from.Context())
	req.URL, req.Host = to, ""
	req.Header.Del("Referer")
	if !SameOrigin(from.URL, to) {
		for _, name := range credentialHeaders {
			req.Header.Del(name)
		}
	}
	return req, nil
}

// Location returns the location of the bytes of a response: its URL, or the target of a
// redirect. It closes the body.
func (c *Client) Location(resp *http.Response) (Location, error) {
	if !IsRedirect(resp) {
		resp.Body.Close()
		l := Location{URL: resp.Request.URL, Header: http.Header{}}
		if auth := resp.Request.Header.Get("Authorization"); auth != "" {
			l.Header.Set("Authorization", auth)
		}
		return l, nil
	}
	req, err := c.Follow(resp)
	if err != nil {
		return Location{}, err
	}
	req.Header.Del("Range")
	return Location{URL: req.URL, Header: req.Header, Expires: expiry(req.URL), trail: trailOf(req.Context())}, nil
}

// redirectTarget parses a Location header.
func redirectTarget(from *url.URL, location string) (*url.URL, error) {
	if location == "" { // it would parse to the URL of the request
		return nil, errors.New("it has no target")
	}
	to, err := from.Parse(location)
	if err != nil {
		return nil, errors.New("the URL is invalid")
	}
	to.Fragment, to.RawFragment = "", ""
	switch {
	case to.Scheme != "http" && to.Scheme != "https":
		return nil, fmt.Errorf("it leads to %.20q", to.Scheme+":")
	case to.Hostname() == "":
		return nil, errors.New("the URL has no host")
	case to.User != nil:
		return nil, errors.New("the URL has a user name")
	case from.Scheme == "https" && to.Scheme == "http":
		return nil, errors.New("it leads from https to http")
	}
	return to, nil
}

var errPrivate = errors.New("it leads from the internet to a private network")

// isPrivateName reports whether a host name is one of a private network.
func isPrivateName(host string) bool {
	if host = strings.ToLower(strings.TrimSuffix(host, ".")); host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && isPrivate(addr)
}

// carrierNAT is the address space between a carrier and its customers, RFC 6598.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// isPrivate reports whether an address is not public.
func isPrivate(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() ||
		addr.IsMulticast() || carrierNAT.Contains(addr)
}

// isPrivateAddr is isPrivate for the end of a connection. A pipe or a Unix socket does not
// leave the machine.
func isPrivateAddr(a net.Addr) bool {
	ip, err := netip.ParseAddrPort(a.String())
	return err != nil || isPrivate(ip.Addr())
}
