package fakehub

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Fault responds in place of a server. It may call answer for the server's response.
type Fault func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc)

// A When limits the requests of a fault.
type When func(*rule)

type rule struct {
	route Route
	fault Fault
	times int // < 0 is always
}

// Times limits the fault to n requests.
func Times(n int) When { return func(r *rule) { r.times = n } }

// Fault makes requests of a route fail, every time unless when limits them. Of several
// faults the first one applies.
func (h *Hub) Fault(route Route, f Fault, when ...When) {
	r := &rule{route: route, fault: f, times: -1}
	for _, w := range when {
		w(r)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, r)
}

// fault is the fault for a request, nil without one. h.mu is held.
func (h *Hub) fault(c *call) Fault {
	for _, r := range h.faults {
		if r.route.has(c.route) && r.times != 0 {
			r.times--
			return r.fault
		}
	}
	return nil
}

// An editor changes a response.
type editor struct {
	http.ResponseWriter
	edit  func(h http.Header)
	body  func(w io.Writer, p []byte, at int64) error // at is the offset in the body
	wrote bool
	at    int64
}

func (e *editor) Unwrap() http.ResponseWriter { return e.ResponseWriter }

func (e *editor) WriteHeader(status int) {
	if status >= 200 && !e.wrote {
		e.wrote = true
		if e.edit != nil {
			e.edit(e.Header())
		}
	}
	e.ResponseWriter.WriteHeader(status)
}

func (e *editor) Write(p []byte) (int, error) {
	if !e.wrote {
		e.WriteHeader(http.StatusOK)
	}
	if e.body == nil {
		return e.ResponseWriter.Write(p)
	}
	if err := e.body(e.ResponseWriter, p, e.at); err != nil {
		return 0, err
	}
	e.at += int64(len(p))
	return len(p), nil
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() } // the client may be gone

// until sends k bytes of the body, then calls then.
func until(k int64, then func(w http.ResponseWriter, r *http.Request)) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		e := &editor{ResponseWriter: w}
		e.body = func(out io.Writer, p []byte, at int64) error {
			if at+int64(len(p)) < k {
				_, err := out.Write(p)
				return err
			}
			if _, err := out.Write(p[:k-at]); err != nil {
				return err
			}
			flush(w)
			then(w, r)
			return http.ErrHijacked
		}
		answer(e, r)
	}
}

// Drop closes the connection after k bytes of the body.
func Drop(k int64) Fault {
	return until(k, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

// HangUp closes the connection without a response.
func HangUp() Fault {
	return func(http.ResponseWriter, *http.Request, http.HandlerFunc) { panic(http.ErrAbortHandler) }
}

// CleanShort sends k bytes without a length, as HTTP/1.0 does, so that the end looks
// regular.
func CleanShort(k int64) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		kept := keep(r, answer, k)
		conn, out, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer conn.Close()
		kept.header.Del("Content-Length")
		kept.header.Set("Connection", "close")
		fmt.Fprintf(out, "HTTP/1.0 %d %s\r\n", kept.status, http.StatusText(kept.status))
		_ = kept.header.Write(out) // what is wrong shows in Flush
		fmt.Fprint(out, "\r\n")
		_, _ = out.Write(kept.body.Bytes())
		_ = out.Flush()
		if rec, ok := w.(*recorder); ok {
			rec.e.status.Store(int32(kept.status))
			rec.e.sent.Store(int64(kept.body.Len()))
		}
	}
}

// kept is a response that was not sent.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
	limit  int64 // of the body, in bytes
}

func keep(r *http.Request, answer http.HandlerFunc, limit int64) *kept {
	k := &kept{header: http.Header{}, limit: limit}
	answer(k, r)
	if k.status == 0 {
		k.status = http.StatusOK
	}
	return k
}

func (k *kept) Header() http.Header    { return k.header }
func (k *kept) WriteHeader(status int) { k.status = status }

func (k *kept) Write(p []byte) (int, error) {
	if room := k.limit - int64(k.body.Len()); int64(len(p)) >= room {
		k.body.Write(p[:room])
		return int(room), io.ErrShortWrite
	}
	return k.body.Write(p)
}

// Stall sends k bytes of the body and keeps the connection open.
func Stall(k int64) Fault {
	return until(k, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
}

// StallHeaders never responds.
func StallHeaders() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Slow limits the body to a rate.
func Slow(bytesPerSecond int) Fault {
	size := max(1, bytesPerSecond/50)
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		e := &editor{ResponseWriter: w}
		e.body = func(out io.Writer, p []byte, _ int64) error {
			for piece := range slices.Chunk(p, size) {
				if _, err := out.Write(piece); err != nil {
					return err
				}
				flush(w)
				select {
				case <-r.Context().Done():
					return r.Context().Err()
				case <-time.After(time.Second * time.Duration(size) / time.Duration(bytesPerSecond)):
				}
			}
			return nil
		}
		answer(e, r)
	}
}

// Barrier delays the response until ch is closed.
func Barrier(ch <-chan struct{}) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		select {
		case <-ch:
			answer(w, r)
		case <-r.Context().Done():
		}
	}
}

// Header changes the headers of a response.
func Header(edit func(http.Header)) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		answer(&editor{ResponseWriter: w, edit: edit}, r)
	}
}

var contentRange = regexp.MustCompile(`^bytes (\d+)-`)

// Flip changes a bit of the byte at an offset of the file.
func Flip(offset int64) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		e := &editor{ResponseWriter: w}
		e.body = func(out io.Writer, p []byte, at int64) error {
			if m := contentRange.FindStringSubmatch(w.Header().Get("Content-Range")); m != nil {
				from, _ := strconv.ParseInt(m[1], 10, 64) // digits that net/http wrote
				at += from
			}
			if i := offset - at; i >= 0 && i < int64(len(p)) {
				p = bytes.Clone(p)
				p[i] ^= 1
			}
			_, err := out.Write(p)
			return err
		}
		answer(e, r)
	}
}

// Gzip sends the body compressed.
func Gzip() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		z := gzip.NewWriter(w)
		answer(&editor{
			ResponseWriter: w,
			edit: func(h http.Header) {
				h.Del("Content-Length")
				h.Set("Content-Encoding", "gzip")
			},
			body: func(_ io.Writer, p []byte, _ int64) error { _, err := z.Write(p); return err },
		}, r)
		_ = z.Close() // the client may be gone
	}
}

// Status responds with a status, a body, and headers as pairs of name and value.
func Status(code int, body string, headers ...string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		write(w, r, code, []byte(body))
	}
}

// HTML responds with the login page of a wireless network.
func HTML() Fault {
	return Status(http.StatusOK, "<!doctype html><title>Log in</title><form>Welcome to our network.</form>", "Content-Type", "text/html; charset=utf-8")
}

// Expired responds as the CDN does to an expired URL.
func Expired() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		xml(w, r, http.StatusForbidden, "AccessDenied", "Request has expired")
	}
}

// RedirectTo redirects to a location.
func RedirectTo(location string) Fault {
	return Status(http.StatusFound, "Found.", "Location", location)
}

// Loop redirects to the same URL.
func Loop() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		w.Header().Set("Location", r.RequestURI)
		write(w, r, http.StatusFound, []byte("Found."))
	}
}

// Chain redirects n times before the response.
func Chain(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		q := r.URL.Query()
		hop, _ := strconv.Atoi(q.Get("hop")) // 0 is the first
		if hop >= n {
			answer(w, r)
			return
		}
		q.Set("hop", strconv.Itoa(hop+1))
		w.Header().Set("Location", r.URL.EscapedPath()+"?"+q.Encode())
		write(w, r, http.StatusFound, []byte("Found."))
	}
}

// JSON changes the body of a response.
func JSON(edit func([]byte) []byte) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		k := keep(r, answer, 64<<20)
		for name, values := range k.header {
			w.Header()[name] = values
		}
		write(w, r, k.status, edit(k.body.Bytes()))
	}
}

// Replace responds with another body.
func Replace(body string) Fault { return JSON(func([]byte) []byte { return []byte(body) }) }

// Endless responds with a text again and again.
func Endless(text string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		p := bytes.Repeat([]byte(text), 1+32<<10/len(text))
		for r.Context().Err() == nil {
			if _, err := w.Write(p); err != nil {
				return
			}
		}
	}
}

// faultNames are the faults of [Hub.AddFault]; some use a number.
var faultNames = map[string]func(n int) Fault{
	"drop":    func(n int) Fault { return Drop(int64(n)) },
	"short":   func(n int) Fault { return CleanShort(int64(n)) },
	"stall":   func(n int) Fault { return Stall(int64(n)) },
	"silence": func(int) Fault { return StallHeaders() },
	"slow":    func(n int) Fault { return Slow(max(1, n)) },
	"flip":    func(n int) Fault { return Flip(int64(n)) },
	"gzip":    func(int) Fault { return Gzip() },
	"status":  func(n int) Fault { return Status(min(max(200, n), 999), "a fault") },
	"html":    func(int) Fault { return HTML() },
	"expired": func(int) Fault { return Expired() },
	"loop":    func(int) Fault { return Loop() },
	"chain":   Chain,
}

// AddFault adds a fault from a text with a route, a name and for some a number, such as
// "cdn drop 700000" or "tree html".
func (h *Hub) AddFault(text string) error {
	words := append(strings.Fields(text), "0")
	if len(words) < 3 || len(words) > 4 {
		return fmt.Errorf("invalid fault %q: want a route, a name and optionally a number", text)
	}
	f, ok := faultNames[words[1]]
	n, err := strconv.Atoi(words[2])
	switch {
	case !slices.Contains(routes, Route(words[0])):
		return fmt.Errorf("unknown route %q", words[0])
	case !ok:
		return fmt.Errorf("unknown fault %q", words[1])
	case err != nil || n < 0:
		return fmt.Errorf("invalid number %q", words[2])
	}
	h.Fault(Route(words[0]), f(n))
	return nil
}
