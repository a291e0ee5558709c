package fakehub

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Fault answers in place of a server, which it may ask for the right answer.
type Fault func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc)

// A When says which requests a fault is for.
type When func(*rule)

type rule struct {
	route         Route
	fault         Fault
	method, part  string
	header, value string
	after, times  int // times < 0: always
}

// Times makes the fault happen n times only.
func Times(n int) When { return func(r *rule) { r.times = n } }

// After lets the first n requests pass.
func After(n int) When { return func(r *rule) { r.after = n } }

// Method is for GET or HEAD alone.
func Method(name string) When { return func(r *rule) { r.method = name } }

// For is for files alone: those whose path, or a blob's digest, has part in it.
func For(part string) When { return func(r *rule) { r.part = part } }

// With is for requests with part in a header.
func With(header, part string) When { return func(r *rule) { r.header, r.value = header, part } }

// Fault has requests of a route misbehave, always unless told otherwise. Of several
// that fit, the first does.
func (h *Hub) Fault(route Route, f Fault, when ...When) {
	r := &rule{route: route, fault: f, times: -1}
	for _, w := range when {
		w(r)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, r)
}

// fits is the fault for a request, nil if there is none. h.mu is held.
func (h *Hub) fits(req *http.Request, c *call) Fault {
	for _, r := range h.faults {
		if !r.route.has(c.route) || r.method != "" && r.method != req.Method || r.times == 0 ||
			!strings.Contains(c.name(), r.part) || r.header != "" && !strings.Contains(req.Header.Get(r.header), r.value) {
			continue
		}
		if r.after > 0 {
			r.after--
			continue
		}
		r.times--
		return r.fault
	}
	return nil
}

// An editor changes an answer on its way.
type editor struct {
	http.ResponseWriter
	head  func(status int, h http.Header) int
	body  func(w io.Writer, p []byte, at int64) error // at is the offset in the body
	wrote bool
	at    int64
}

func (e *editor) Unwrap() http.ResponseWriter { return e.ResponseWriter }

func (e *editor) WriteHeader(status int) {
	if status >= 200 && !e.wrote {
		e.wrote = true
		if e.head != nil {
			status = e.head(status, e.Header())
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

// until lets k bytes of the body pass, then does something else.
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

// Reset resets the TCP connection after k bytes of the body.
func Reset(k int64) Fault {
	return until(k, func(w http.ResponseWriter, _ *http.Request) { hangUp(w, true) })
}

// HangUp closes the connection without an answer.
func HangUp() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) { hangUp(w, false) }
}

func hangUp(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	under := conn
	if t, ok := conn.(*tls.Conn); ok {
		under = t.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	under.Close()
}

// CleanShort answers without a length, as HTTP/1.0 does, and ends after k bytes, so
// that the end looks like a good one.
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

// kept is an answer that was not sent.
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

// Stall sends k bytes of the body and then nothing, with the connection open.
func Stall(k int64) Fault {
	return until(k, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})
}

// StallHeaders never answers.
func StallHeaders() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Slow sends n bytes in a second.
func Slow(bytesPerSecond int) Fault {
	piece := max(1, bytesPerSecond/50)
	return pieces(piece, time.Second*time.Duration(piece)/time.Duration(bytesPerSecond))
}

func pieces(size int, every time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		e := &editor{ResponseWriter: w}
		e.body = func(out io.Writer, p []byte, _ int64) error {
			for len(p) > 0 {
				n := min(size, len(p))
				if _, err := out.Write(p[:n]); err != nil {
					return err
				}
				flush(w)
				p = p[n:]
				select {
				case <-r.Context().Done():
					return r.Context().Err()
				case <-time.After(every):
				}
			}
			return nil
		}
		answer(e, r)
	}
}

// Barrier holds the answer back until ch is closed.
func Barrier(ch <-chan struct{}) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		select {
		case <-ch:
			answer(w, r)
		case <-r.Context().Done():
		}
	}
}

// NoRange answers with everything, whatever range was asked for.
func NoRange() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
		answer(&editor{ResponseWriter: w, head: func(status int, h http.Header) int {
			h.Del("Accept-Ranges")
			return status
		}}, r)
	}
}

// Range200 sends the part that was asked for, as if it were everything.
func Range200() Fault {
	return heads(func(status int, _ http.Header) int {
		if status == http.StatusPartialContent {
			return http.StatusOK
		}
		return status
	})
}

// Multipart answers a range with two, as multipart/byteranges.
func Multipart() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		r = r.Clone(r.Context())
		r.Header.Set("Range", "bytes=0-0,2-2")
		answer(w, r)
	}
}

// Header changes the headers of an answer.
func Header(edit func(http.Header)) Fault {
	return heads(func(status int, h http.Header) int { edit(h); return status })
}

func heads(edit func(status int, h http.Header) int) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		answer(&editor{ResponseWriter: w, head: edit}, r)
	}
}

// Extra sends n bytes more than it should.
func Extra(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		answer(&editor{ResponseWriter: w, head: func(status int, h http.Header) int { h.Del("Content-Length"); return status }}, r)
		_, _ = w.Write(bytes.Repeat([]byte{'x'}, n)) // the client may have had enough
	}
}

var contentRange = regexp.MustCompile(`^bytes (\d+)-`)

// changed sends other bytes than it should; at is the offset in the file.
func changed(edit func(p []byte, at int64)) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		var from int64
		e := &editor{ResponseWriter: w, head: func(status int, h http.Header) int {
			if m := contentRange.FindStringSubmatch(h.Get("Content-Range")); m != nil {
				from, _ = strconv.ParseInt(m[1], 10, 64) // digits that net/http wrote
			}
			return status
		}}
		e.body = func(out io.Writer, p []byte, at int64) error {
			p = bytes.Clone(p)
			edit(p, from+at)
			_, err := out.Write(p)
			return err
		}
		answer(e, r)
	}
}

// Flip changes a bit of the byte at an offset of the file.
func Flip(offset int64) Fault {
	return changed(func(p []byte, at int64) {
		if i := offset - at; i >= 0 && i < int64(len(p)) {
			p[i] ^= 1
		}
	})
}

// Zero sends zeros.
func Zero() Fault { return changed(func(p []byte, _ int64) { clear(p) }) }

// OtherVersion sends the bytes of another file of the same length.
func OtherVersion() Fault {
	return changed(func(p []byte, at int64) {
		for i := range p {
			p[i] ^= byte(mix(uint64(at+int64(i)))) | 1
		}
	})
}

// Gzip sends the body compressed.
func Gzip() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		z := gzip.NewWriter(w)
		answer(&editor{
			ResponseWriter: w,
			head: func(status int, h http.Header) int {
				h.Del("Content-Length")
				h.Set("Content-Encoding", "gzip")
				return status
			},
			body: func(_ io.Writer, p []byte, _ int64) error { _, err := z.Write(p); return err },
		}, r)
		_ = z.Close() // the client may be gone
	}
}

// Status answers with a status, a body, and headers as pairs of name and value.
func Status(code int, body string, headers ...string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		write(w, r, code, []byte(body))
	}
}

// HTML answers with the page where people log into a wireless network.
func HTML() Fault {
	return Status(http.StatusOK, "<!doctype html><title>Log in</title><form>Welcome to our network.</form>", "Content-Type", "text/html; charset=utf-8")
}

// Expired answers as the CDN does when a URL has expired.
func Expired() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		xml(w, r, http.StatusForbidden, "AccessDenied", "Request has expired")
	}
}

// RedirectTo sends elsewhere.
func RedirectTo(location string) Fault {
	return Status(http.StatusFound, "Found.", "Location", location)
}

// Loop redirects to the same place.
func Loop() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		w.Header().Set("Location", r.RequestURI)
		write(w, r, http.StatusFound, []byte("Found."))
	}
}

// Chain redirects n times before there is an answer.
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

// JSON changes the body of an answer.
func JSON(edit func([]byte) []byte) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		k := keep(r, answer, 64<<20)
		for name, values := range k.header {
			w.Header()[name] = values
		}
		write(w, r, k.status, edit(k.body.Bytes()))
	}
}

// Replace answers with another body.
func Replace(body string) Fault { return JSON(func([]byte) []byte { return []byte(body) }) }

// Endless answers with a text again and again.
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

// spellings are the faults that a text can name, with a number.
var spellings = map[string]func(n int) Fault{
	"drop":     func(n int) Fault { return Drop(int64(n)) },
	"reset":    func(n int) Fault { return Reset(int64(n)) },
	"short":    func(n int) Fault { return CleanShort(int64(n)) },
	"stall":    func(n int) Fault { return Stall(int64(n)) },
	"silence":  func(int) Fault { return StallHeaders() },
	"slow":     func(n int) Fault { return Slow(max(1, n)) },
	"norange":  func(int) Fault { return NoRange() },
	"range200": func(int) Fault { return Range200() },
	"extra":    Extra,
	"flip":     func(n int) Fault { return Flip(int64(n)) },
	"zero":     func(int) Fault { return Zero() },
	"gzip":     func(int) Fault { return Gzip() },
	"status":   func(n int) Fault { return Status(min(max(200, n), 999), "told to") },
	"html":     func(int) Fault { return HTML() },
	"expired":  func(int) Fault { return Expired() },
	"loop":     func(int) Fault { return Loop() },
	"chain":    Chain,
}

// Order has requests misbehave from now on as a text says: a route, a fault and for some
// a number, as in "cdn drop 700000" or "tree html".
func (h *Hub) Order(text string) error {
	words := strings.Fields(text)
	if len(words) < 2 || len(words) > 3 {
		return fmt.Errorf("%q is no order: a route, a fault and a number are", text)
	}
	if !slices.Contains(routes, Route(words[0])) {
		return fmt.Errorf("there is no route %q", words[0])
	}
	f, ok := spellings[words[1]]
	if !ok {
		return fmt.Errorf("there is no fault %q", words[1])
	}
	n := 0
	if len(words) == 3 {
		var err error
		if n, err = strconv.Atoi(words[2]); err != nil || n < 0 {
			return fmt.Errorf("%q is no number", words[2])
		}
	}
	h.Fault(Route(words[0]), f(n))
	return nil
}
