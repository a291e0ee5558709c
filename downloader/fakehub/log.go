package fakehub

import (
	"io"
	"log"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// An Entry is a request.
type Entry struct {
	Route  Route
	Method string
	URI    string
	File   string // the path in its repository, or the digest; may be empty
	Header http.Header

	status atomic.Int32
	sent   atomic.Int64
}

// Status is the status of the response; 0 before it.
func (e *Entry) Status() int { return int(e.status.Load()) }

// Sent is how many bytes of the body were sent.
func (e *Entry) Sent() int64 { return e.sent.Load() }

// Line is method, URI without its query, and status.
func (e *Entry) Line() string {
	uri, _, _ := strings.Cut(e.URI, "?")
	return e.Method + " " + uri + " " + strconv.Itoa(e.Status())
}

// quiet discards what net/http logs about connections that were closed on purpose.
var quiet = log.New(io.Discard, "", 0)

// A recorder counts the bytes of a response. It has no ReadFrom, which would bypass Write.
type recorder struct {
	http.ResponseWriter
	e *Entry
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	if status >= 200 {
		w.e.status.Store(int32(status))
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	w.e.status.CompareAndSwap(0, http.StatusOK)
	n, err := w.ResponseWriter.Write(p)
	w.e.sent.Add(int64(n))
	return n, err
}

// handle logs a request and responds, with a fault if one applies.
func (h *Hub) handle(w http.ResponseWriter, r *http.Request, a answer) {
	c := h.parse(r)
	e := &Entry{Route: c.route, Method: r.Method, URI: r.RequestURI, File: c.name(), Header: r.Header.Clone()}
	h.mu.Lock()
	h.log = append(h.log, e)
	fault := h.fault(c)
	h.mu.Unlock()
	rec := &recorder{w, e}
	if fault == nil {
		a(rec, r, c)
		return
	}
	fault(rec, r, func(w http.ResponseWriter, r *http.Request) { a(w, r, c) })
}

// Log is every request, in order.
func (h *Hub) Log() []*Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.log)
}

// Requests lists the requests of a route whose file contains part.
func (h *Hub) Requests(route Route, part string) []*Entry {
	return slices.DeleteFunc(h.Log(), func(e *Entry) bool { return !route.has(e.Route) || !strings.Contains(e.File, part) })
}

// Count is how many requests a route had.
func (h *Hub) Count(route Route) int { return len(h.Requests(route, "")) }

// Sent is how many bytes the CDN has sent of files whose path contains part.
func (h *Hub) Sent(part string) int64 {
	var n int64
	for _, e := range h.Requests(CDN, part) {
		n += e.Sent()
	}
	return n
}

// AssertCount checks that a route had n requests.
func (h *Hub) AssertCount(t testing.TB, route Route, want int) {
	t.Helper()
	if got := h.Count(route); got != want {
		t.Errorf("%d requests of %s, not %d:\n%s", got, route, want, h.lines())
	}
}

func (h *Hub) lines() string {
	var b strings.Builder
	for _, e := range h.Log() {
		b.WriteString(e.Line() + "\n")
	}
	return b.String()
}

// AssertNoTokenLeak checks that the CDN received no credentials, and no token in any
// request.
func (h *Hub) AssertNoTokenLeak(t testing.TB) {
	t.Helper()
	secrets := []string{Ann, Bob, Cat, Dan, Eve}
	h.mu.Lock()
	for b := range h.bearers {
		secrets = append(secrets, b)
	}
	h.mu.Unlock()
	for _, e := range h.Requests(CDN, "") {
		for name, values := range e.Header {
			if name == "Authorization" || name == "Cookie" || name == "Proxy-Authorization" {
				t.Errorf("the CDN was sent %s with %s", name, e.Line())
			}
			for _, s := range secrets {
				if strings.Contains(strings.Join(values, " "), s) {
					t.Errorf("the CDN was sent a token in %s with %s", name, e.Line())
				}
			}
			if name == "Referer" {
				t.Errorf("the CDN was sent a Referer with %s", e.Line())
			}
		}
		for _, s := range secrets {
			if strings.Contains(e.URI, s) {
				t.Errorf("the CDN was asked for a URL with a token in it: %s", e.Line())
			}
		}
	}
}

// AssertManners checks that every request has a User-Agent, and that none accepts
// compression.
func (h *Hub) AssertManners(t testing.TB) {
	t.Helper()
	for _, e := range h.Log() {
		if agent := e.Header.Get("User-Agent"); agent == "" || strings.HasPrefix(agent, "Go-http-client") {
			t.Errorf("%s has the User-Agent %q", e.Line(), agent)
		}
		if enc := e.Header.Get("Accept-Encoding"); (e.Route == CDN || e.Route == Resolve) && enc != "identity" {
			t.Errorf("%s has the Accept-Encoding %q", e.Line(), enc)
		}
	}
}

var rangeHeader = regexp.MustCompile(`^bytes=(\d+)-(\d*)$`)

// AssertFetchedAtMost checks that the CDN sent no byte of a file more often than times.
func (h *Hub) AssertFetchedAtMost(t testing.TB, part string, times int) {
	t.Helper()
	type edge struct {
		at   int64
		step int
	}
	var edges []edge
	for _, e := range h.Requests(CDN, part) {
		var from int64
		if m := rangeHeader.FindStringSubmatch(e.Header.Get(textproto.CanonicalMIMEHeaderKey("Range"))); m != nil && e.Status() == http.StatusPartialContent {
			from, _ = strconv.ParseInt(m[1], 10, 64)
		}
		if e.Status() < 300 {
			edges = append(edges, edge{from, 1}, edge{from + e.Sent(), -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if a.at != b.at {
			return int(min(1, max(-1, a.at-b.at)))
		}
		return a.step - b.step
	})
	deep := 0
	for _, e := range edges {
		if deep += e.step; deep > times {
			t.Errorf("the byte at %d of %s was sent %d times", e.at, part, deep)
			return
		}
	}
}
