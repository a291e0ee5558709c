package downloader

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

func unknownAuthority() error {
	return &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
}

func get(u *url.URL, headers ...string) *http.Request {
	req := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// TestF31TooManyRequests has a server that wants to be left alone, said in every way.
func TestF31TooManyRequests(t *testing.T) {
	data := content(48 * testUnit)
	for _, test := range []struct {
		name   string
		header func(now time.Time) (name, value string)
		wait   time.Duration // at least
		want   fault.Kind
	}{
		{name: "in seconds", wait: 3 * time.Second, header: func(time.Time) (string, string) { return "Retry-After", "3" }},
		{name: "as a date", wait: 2 * time.Second, header: func(now time.Time) (string, string) {
			return "Retry-After", now.Add(3 * time.Second).UTC().Format(http.TimeFormat)
		}},
		{name: "as a rate", wait: 4 * time.Second, header: func(time.Time) (string, string) { return "RateLimit", `"resolvers";r=0;t=3` }},
		{name: "not at all", header: func(time.Time) (string, string) { return "X", "" }},
		{name: "below zero", header: func(time.Time) (string, string) { return "Retry-After", "-1" }},
		{name: "as nonsense", header: func(time.Time) (string, string) { return "Retry-After", "x" }},
		{name: "for days", want: fault.Limited, header: func(time.Time) (string, string) { return "Retry-After", "999999" }},
		{name: "for longer than there are seconds", want: fault.Limited, header: func(time.Time) (string, string) { return "Retry-After", "9223372036854775807" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				var mu sync.Mutex
				var shut time.Time
				requests, early := 0, 0
				u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					requests++
					refuse := requests == 1 || requests == 4
					if test.want != "" {
						refuse = true
					}
					if time.Now().Before(shut) {
						early++
					}
					if refuse {
						shut = time.Now().Add(test.wait)
					}
					mu.Unlock()
					if refuse {
						name, value := test.header(time.Now())
						w.Header().Set(name, value)
						w.WriteHeader(http.StatusTooManyRequests)
						return
					}
					trickle(w, r, data, testUnit, time.Millisecond)
				})
				for name, call := range map[string]func(c *Client) error{
					"Do": func(c *Client) error {
						resp, err := c.Do(t.Context(), get(u))
						if err == nil {
							resp.Body.Close()
						}
						return err
					},
					"Fetch": func(c *Client) error {
						_, err := c.Fetch(t.Context(), model(data, u), filepath.Join(t.TempDir(), "model"), nil)
						return err
					},
				} {
					mu.Lock()
					requests, early, shut = 0, 0, time.Time{}
					mu.Unlock()
					began := time.Now()
					err := call(n.client(t, Options{Connections: 4}))
					switch {
					case test.want != "":
						failed(t, err, test.want)
						if took := time.Since(began); took > time.Second {
							t.Errorf("%s: it took %v to say so", name, took)
						}
					case err != nil:
						t.Errorf("%s: %v", name, err)
					}
					// One request may be on its way when the server says that.
					if early > 3 {
						t.Errorf("%s: %d requests came too early", name, early)
					}
				}
			})
		})
	}
}

// TestF32Spread checks that those who fail together do not come back together.
func TestF32Spread(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		data := content(48 * testUnit)
		var mu sync.Mutex
		var at []time.Time
		u := n.serve(t, "host.test", func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			at = append(at, time.Now())
			count := len(at)
			mu.Unlock()
			if count > 8 && count <= 40 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			drop(w, r, data, testUnit)
		})
		if _, err := n.client(t, Options{}).Fetch(t.Context(), model(data, u), filepath.Join(t.TempDir(), "model"), nil); err != nil {
			t.Fatal(err)
		}
		close := 0
		// The first had their requests out when the trouble began, and answers from
		// before may be heard of late.
		for i := 28; i < 40; i++ {
			if at[i].Sub(at[i-1]) < 50*time.Millisecond {
				close++
			}
		}
		if close > 3 {
			t.Errorf("%d requests followed another one at once", close)
		}
	})
}

// TestRedirects has redirects that are followed, and such that are not.
func TestRedirects(t *testing.T) {
	for _, test := range []struct {
		name  string
		to    map[string]string // by host and path; what is not here answers
		start string
		want  fault.Kind
		end   string // where it ends
		says  string
	}{
		{name: "F62 relative", start: "http://hub.test/old", to: map[string]string{"hub.test/old": "/new"}, end: "hub.test/new"},
		{name: "to another host", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http://cdn.test/b"}, end: "cdn.test/b"},
		{name: "F41 to itself", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "/a"}, want: fault.Refused, says: "loop"},
		{name: "F41 in a circle", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http://cdn.test/b", "cdn.test/b": "http://hub.test/a"}, want: fault.Refused, says: "hub.test/a → http://cdn.test/b"},
		{name: "F41 too many", start: "http://hub.test/0", want: fault.Refused, says: "in a row", to: func() map[string]string {
			to := map[string]string{}
			for i := range 30 {
				to[fmt.Sprintf("hub.test/%d", i)] = fmt.Sprintf("/%d?secret=x", i+1)
			}
			return to
		}()},
		{name: "F44 to a file", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "file:///etc/passwd"}, want: fault.Refused},
		{name: "F44 to nowhere", start: "http://hub.test/a", to: map[string]string{"hub.test/a": ""}, want: fault.Refused},
		{name: "F44 to no URL", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http://[::1"}, want: fault.Refused},
		{name: "F44 without host", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http:///b"}, want: fault.Refused},
		{name: "F44 with a user", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http://a:b@cdn.test/b"}, want: fault.Refused},
		{name: "F44 with a host alone", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "//cdn.test/b"}, end: "cdn.test/b"},
		{name: "F45 to this machine", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http://127.0.0.1/b"}, want: fault.Refused, says: "private"},
		{name: "F45 to this machine by name", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http://localhost/b"}, want: fault.Refused},
		{name: "F45 to where clouds keep keys", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http://169.254.169.254/b"}, want: fault.Refused},
		{name: "F45 to such an IPv6 address", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http://[::ffff:10.0.0.1]/b"}, want: fault.Refused},
		{name: "F45 to a name inside", start: "http://hub.test/a", to: map[string]string{"hub.test/a": "http://inner.test/b"}, want: fault.Refused},
		{name: "F45 from inside to inside", start: "http://inner.test/a", to: map[string]string{"inner.test/a": "http://127.0.0.1/b"}, end: "127.0.0.1/b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				n.private = map[string]net.IP{"inner.test:80": net.IPv4(10, 1, 2, 3), "127.0.0.1:80": net.IPv4(127, 0, 0, 1)}
				ended := ""
				for _, host := range []string{"hub.test", "cdn.test", "inner.test", "127.0.0.1"} {
					n.serve(t, host, func(w http.ResponseWriter, r *http.Request) {
						if to, ok := test.to[host+r.URL.Path]; ok {
							if to != "" {
								w.Header().Set("Location", to)
							}
							w.WriteHeader(http.StatusFound)
							return
						}
						ended = host + r.URL.Path
						if got := r.Header.Get("Authorization"); (got != "") != (host == parse(t, test.start).Host) {
							t.Errorf("%s got the token %q", host, got)
						}
						if r.Header.Get("Referer") != "" {
							t.Error("it was told where from")
						}
					})
				}
				c := n.client(t, Options{})
				resp, err := c.Do(t.Context(), get(parse(t, test.start), "Authorization", "Bearer secret", "Cookie", "a=b", "Referer", "x"))
				if test.want != "" {
					failed(t, err, test.want)
					if err != nil && (!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret")) {
						t.Errorf("it says %v", err)
					}
					if ended != "" {
						t.Errorf("%s was asked", ended)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if ended != test.end {
					t.Errorf("it ended at %s", ended)
				}
			})
		})
	}
}

// TestF42Credentials has redirects to what is nearly the same origin.
func TestF42Credentials(t *testing.T) {
	for name, to := range map[string]string{
		"the same": "http://hub.test/b", "F42 another port": "http://hub.test:8080/b",
		"F42 a sub-domain": "http://sub.hub.test/b", "F42 another host": "http://cdn.test/b",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				u := n.serve(t, "hub.test", func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.Path {
					case "/a":
						http.Redirect(w, r, to, http.StatusFound)
					case "/back": // F43: once it is dropped, it does not come again
						if r.Header.Get("Authorization") != "" {
							t.Error("the token came back")
						}
					}
					if r.URL.Path == "/b" && r.Header.Get("Authorization") == "" {
						t.Error("the token is lost")
					}
				})
				for _, address := range []string{"hub.test:8080", "sub.hub.test", "cdn.test"} {
					n.serve(t, address, func(w http.ResponseWriter, r *http.Request) {
						if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
							t.Errorf("%s got %v", address, r.Header)
						}
						if r.Header.Get("Range") != "bytes=1-2" {
							t.Error("the range is lost")
						}
						http.Redirect(w, r, "http://hub.test/back", http.StatusFound)
					})
				}
				u.Path = "/a"
				resp, err := n.client(t, Options{}).Do(t.Context(), get(u, "Authorization", "Bearer x", "Cookie", "y", "Range", "bytes=1-2"))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			})
		})
	}
}

// TestLocation checks that the way through redirects is kept in mind: what a public
// server redirects to must not lead inside later.
func TestLocation(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		n.private = map[string]net.IP{"inner.test:80": net.IPv4(10, 1, 2, 3)}
		inner := n.serve(t, "inner.test", func(http.ResponseWriter, *http.Request) { t.Error("it was asked") })
		u := n.serve(t, "hub.test", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inner.String()+"?X-Amz-Date=20000101T000000Z&X-Amz-Expires=3600", http.StatusFound)
		})
		c := n.client(t, Options{})
		resp, err := c.Send(t.Context(), get(u, "Authorization", "Bearer x", "Range", "bytes=0-1"))
		if err != nil {
			t.Fatal(err)
		}
		if !IsRedirect(resp) {
			t.Fatalf("got %s", resp.Status)
		}
		loc, err := c.Location(resp)
		if err != nil {
			t.Fatal(err)
		}
		if len(loc.Header.Values("Authorization"))+len(loc.Header.Values("Range")) > 0 {
			t.Errorf("it carries %v", loc.Header)
		}
		if want := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC); !loc.Expires.Equal(want) {
			t.Errorf("it expires %v", loc.Expires)
		}
		f := File{Name: "model", Size: 9, Locate: func(context.Context) (Location, error) { return loc, nil }}
		_, err = c.Fetch(t.Context(), f, filepath.Join(t.TempDir(), "model"), nil)
		failed(t, err, fault.Refused)
	})
}

// TestF51Certificates has servers that cannot be known, which nobody insists on.
func TestF51Certificates(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	server.Config.ErrorLog = quietLog
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	u := parse(t, server.URL)
	elsewhere := parse(t, "https://localhost:"+u.Port())
	old := func() time.Time { return time.Now().Add(-200 * 365 * 24 * time.Hour) }
	for _, test := range []struct {
		name   string
		u      *url.URL
		config *tls.Config
		good   bool
	}{
		{"known", u, &tls.Config{RootCAs: roots}, true},
		{"unknown", u, nil, false},
		{"of another host", elsewhere, &tls.Config{RootCAs: roots}, false},
		{"of another time", u, &tls.Config{RootCAs: roots, Time: old}, false},
	} {
		requests.Store(0)
		resp, err := client(t, Options{TLS: test.config}).Do(t.Context(), get(test.u))
		if test.good {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			resp.Body.Close()
			continue
		}
		failed(t, err, fault.Network)
		var e *fault.Error
		if errors.As(err, &e) && !strings.Contains(e.Advice, "SSL_CERT_FILE") {
			t.Errorf("%s: it advises %q", test.name, e.Advice)
		}
		if requests.Load() > 0 {
			t.Errorf("%s: the server was asked", test.name)
		}
	}
}

// TestF49Protocol checks that each connection is one of its own, also where a server
// would have one for all.
func TestF49Protocol(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	resp, err := client(t, Options{TLS: &tls.Config{RootCAs: roots}}).Do(t.Context(), get(parse(t, server.URL)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := ReadBody(resp, 100)
	if err != nil || string(text) != "HTTP/1.1" {
		t.Errorf("it spoke %q, %v", text, err)
	}
}

// TestF50KeepAliveRace has a server that closes a connection which it said it keeps.
func TestF50KeepAliveRace(t *testing.T) {
	bubble(t, func(t *testing.T, n *network) {
		u := n.serve(t, "host.test", func(w http.ResponseWriter, _ *http.Request) {
			raw(t, w, func(out io.Writer) { fmt.Fprint(out, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") })
		})
		c := n.client(t, Options{})
		for range 5 {
			resp, err := c.Do(t.Context(), get(u))
			if err != nil {
				t.Fatal(err)
			}
			if text, err := ReadBody(resp, 10); err != nil || string(text) != "ok" {
				t.Fatalf("got %q, %v", text, err)
			}
		}
	})
}

// TestReadBody has answers that are too long in every way. F52, F53.
func TestReadBody(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		bad    bool
	}{
		{name: "short", answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1000)) }},
		{name: "one byte too long", bad: true, answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1001)) }},
		{name: "F53 without end", bad: true, answer: func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 100)); err != nil {
					return
				}
			}
		}},
		{name: "F53 for ever", bad: true, answer: func(w http.ResponseWriter, r *http.Request) {
			trickle(w, r, bytes.Repeat([]byte("x"), 900), 1, time.Second)
			_ = r
		}},
		{name: "F52 cut off", bad: true, answer: func(w http.ResponseWriter, r *http.Request) {
			drop(w, r, make([]byte, 900), 500)
			cutOff()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *network) {
				u := n.serve(t, "host.test", test.answer)
				resp, err := n.client(t, Options{}).Do(t.Context(), get(u, "Range", "bytes=0-899"))
				if err != nil {
					t.Fatal(err)
				}
				text, err := ReadBody(resp, 1000)
				if test.bad {
					failed(t, err, fault.Network)
				} else if err != nil || len(text) != 1000 {
					t.Errorf("%d bytes, %v", len(text), err)
				}
			})
		})
	}
}

func TestResponseError(t *testing.T) {
	for status, kind := range map[int]fault.Kind{
		401: fault.Denied, 403: fault.Denied, 404: fault.Missing, 410: fault.Missing, 451: fault.Missing, 407: fault.Network, 429: fault.Limited, 500: fault.Network, 521: fault.Network, 418: fault.Network, 999: fault.Network,
	} {
		e := ResponseError(&http.Response{
			StatusCode: status, Header: http.Header{"X-Request-Id": {"Root=1-2"}}, Body: io.NopCloser(strings.NewReader("")),
			Request: get(parse(t, "https://user:secret@hub.test/a%20b?Signature=secret")),
		})
		if e.Kind != kind || e.Advice == "" || statusOf(e) != status {
			t.Errorf("%d: %+v", status, e)
		}
		if text := e.Error(); !strings.Contains(text, "https://hub.test/a%20b: ") || !strings.Contains(text, "Root=1-2") || strings.Contains(text, "secret") {
			t.Errorf("%d: it says %s", status, text)
		}
	}
}

func TestHashes(t *testing.T) {
	for text, want := range map[string]Hash{
		"": "", "sha256:" + strings.Repeat("aB", 32): Hash("sha256:" + strings.Repeat("ab", 32)), "git-sha1:" + strings.Repeat("0", 40): Hash("git-sha1:" + strings.Repeat("0", 40)),
	} {
		if got, err := ParseHash(text); err != nil || got != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	// F58
	for _, text := range []string{"x", "sha256:", "sha256:" + strings.Repeat("a", 63), "sha256:" + strings.Repeat("*", 64), "sha1:" + strings.Repeat("a", 40), "git-sha1:" + strings.Repeat("a", 64)} {
		if got, err := ParseHash(text); err == nil {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestContentRange(t *testing.T) {
	type parts struct {
		from, to, total int64
		ok              bool
	}
	for text, want := range map[string]parts{
		"bytes 0-0/1":   {0, 1, 1, true},
		"bytes 7-9/100": {7, 10, 100, true},
		"bytes 7-9/*":   {7, 10, -1, true},
		"bytes */100":   {0, 0, 100, true},
		"bytes */*":     {}, "bytes */": {}, "": {}, "bytes": {}, "bytes 1-2": {}, "bytes 2-1/9": {}, "bytes 1-9/9": {}, "items 1-2/9": {},
		"bytes -1-2/9": {}, "bytes +1-2/9": {}, "bytes 1-2/9223372036854775808": {}, "bytes 0-9223372036854775807/*": {}, "bytes 1-/9": {}, "bytes 1 - 2/9": {},
	} {
		var got parts
		got.from, got.to, got.total, got.ok = ContentRange(text)
		if !got.ok {
			got = parts{}
		}
		if got != want {
			t.Errorf("%q is %+v, want %+v", text, got, want)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 7-9/100")
	f.Add("bytes */5")
	f.Add("bytes 0-9223372036854775807/*")
	f.Fuzz(func(t *testing.T, text string) {
		from, to, total, ok := ContentRange(text)
		if !ok {
			return
		}
		if from < 0 || to < from || total < -1 || total >= 0 && to > total {
			t.Fatalf("%q is %d to %d of %d", text, from, to, total)
		}
		written := fmt.Sprintf("bytes %d-%d/%d", from, to-1, total)
		if to == 0 {
			written = fmt.Sprintf("bytes */%d", total)
		}
		if total < 0 {
			written = fmt.Sprintf("bytes %d-%d/*", from, to-1)
		}
		f2, t2, n2, ok := ContentRange(written)
		if !ok || f2 != from || t2 != to || n2 != total {
			t.Fatalf("%q is written %q, and that is %d to %d of %d", text, written, f2, t2, n2)
		}
	})
}

func FuzzPause(f *testing.F) {
	f.Add("3", `"resolvers";r=0;t=3`, 429)
	f.Add("Fri, 31 Dec 1999 23:59:59 GMT", "r=1", 503)
	f.Add("-1", ";;;t=99999999999999999999;r=0", 429)
	f.Fuzz(func(t *testing.T, after, limit string, status int) {
		h := http.Header{"Retry-After": {after}, "Ratelimit": {limit}}
		d, ok := pause(h, status, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		if d < 0 || d > maxPause+time.Second || !ok && d != 0 {
			t.Fatalf("%q, %q: %v, %v", after, limit, d, ok)
		}
	})
}

func FuzzRedirectTarget(f *testing.F) {
	f.Add("https://hub.test/a", "/b?c#d")
	f.Add("http://hub.test/a", "//cdn.test")
	f.Fuzz(func(t *testing.T, from, location string) {
		start, err := url.Parse(from)
		if err != nil {
			return
		}
		to, err := redirectTarget(start, location)
		if err != nil {
			return
		}
		if to.Host == "" || to.User != nil || !slices.Contains([]string{"http", "https"}, to.Scheme) || start.Scheme == "https" && to.Scheme != "https" {
			t.Fatalf("from %q to %q leads to %s", from, location, to)
		}
	})
}
