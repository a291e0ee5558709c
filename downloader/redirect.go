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

// maxHops is how many redirects are followed in a row.
const maxHops = 10

// A trail is the way from a request through redirects to another one.
type trail struct {
	hops []string // URLs that were asked, with their queries: never shown
	// public is whether one of them was answered from the open internet. From there
	// no redirect may lead into a private network.
	public bool
}

type trailKey struct{}

func trailOf(ctx context.Context) trail {
	t, _ := ctx.Value(trailKey{}).(trail)
	return t
}

// shown is the trail without queries, which may hold signatures.
func (t trail) shown() string {
	var list []string
	for _, hop := range t.hops {
		if u, err := url.Parse(hop); err == nil {
			list = append(list, plain(u))
		}
	}
	return strings.Join(list, " → ")
}

// plain is a URL as it can be shown and logged: without user and query.
func plain(u *url.URL) string {
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

// SameOrigin reports whether two URLs have scheme, host and port in common, so that
// what is secret at one may be said at the other.
func SameOrigin(a, b *url.URL) bool { return origin(a) == origin(b) }

// IsRedirect reports whether a response sends elsewhere.
func IsRedirect(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// secret are the headers that only the origin they were meant for may see.
var secret = []string{"Authorization", "Cookie", "Proxy-Authorization"}

// Follow makes the request that a redirect asks for: the same one, without
// credentials once the origin has changed. Where it would not be safe to go there
// the error is [Refused]. The response's body is closed.
func (c *Client) Follow(resp *http.Response) (*http.Request, error) {
	resp.Body.Close()
	from := resp.Request
	t := trailOf(from.Context())
	to, err := redirectTarget(from.URL, resp.Header.Get("Location"))
	if err == nil && slices.Contains(t.hops, to.String()) {
		err = errors.New("it has been there before")
	}
	if err == nil && len(t.hops) > maxHops {
		err = fmt.Errorf("%d redirects in a row", len(t.hops))
	}
	if err == nil && t.public && isPrivateName(to.Hostname()) {
		err = errPrivate
	}
	if err != nil {
		return nil, failure(fault.Refused, resp, err, fmt.Sprintf("follow a redirect of %s: %v", t.shown(), err),
			"The server or a proxy is misconfigured.")
	}
	req := from.Clone(from.Context())
	req.URL, req.Host = to, ""
	req.Header.Del("Referer")
	if !SameOrigin(from.URL, to) {
		for _, name := range secret {
			req.Header.Del(name)
		}
	}
	return req, nil
}

// Location is where a redirect leads, with what its request may carry there. The
// response's body is closed.
func (c *Client) Location(resp *http.Response) (Location, error) {
	req, err := c.Follow(resp)
	if err != nil {
		return Location{}, err
	}
	req.Header.Del("Range")
	return Location{URL: req.URL, Header: req.Header, Expires: expiry(req.URL), trail: trailOf(req.Context())}, nil
}

// redirectTarget reads a Location header.
func redirectTarget(from *url.URL, location string) (*url.URL, error) {
	if location == "" { // it would parse to where the request was
		return nil, errors.New("it does not say where to")
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
		return nil, errors.New("where to has no host")
	case to.User != nil:
		return nil, errors.New("where to has a user name in it")
	case from.Scheme == "https" && to.Scheme == "http":
		return nil, errors.New("it leads from https to http")
	}
	return to, nil
}

var errPrivate = errors.New("it leads from the internet into a private network")

// isPrivateName reports whether a host is one of a private network by its name.
func isPrivateName(host string) bool {
	if host = strings.ToLower(strings.TrimSuffix(host, ".")); host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && isPrivate(addr)
}

// shared is the address space between a carrier and its customers, RFC 6598.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// isPrivate reports whether an address cannot be one of the open internet.
func isPrivate(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() ||
		addr.IsMulticast() || shared.Contains(addr)
}

// isPrivateAddr is isPrivate for the end of a connection. What is no IP address,
// a pipe or a Unix socket, does not leave the machine.
func isPrivateAddr(a net.Addr) bool {
	ip, err := netip.ParseAddrPort(a.String())
	return err != nil || isPrivate(ip.Addr())
}
