package api

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// bodyWait is how long a client may be silent while it sends a body.
var bodyWait = 30 * time.Second // tests shorten it

const (
	// maxDrained is how many bytes of a body that is too large are read and dropped. A client
	// that is still sending when the connection closes gets a reset, not the answer.
	maxDrained = 1 << 30
	// maxPromised is how many bytes of a body get memory before they are here: a client may
	// promise a large body and send nothing.
	maxPromised = 1 << 20
)

// Body reads a request's body, up to the limit.
func (c Config) Body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := cmp.Or(c.BodyLimit, DefaultBodyLimit)
	tooLarge := newRefusal("", "the request's body has more than %d bytes, the limit of this server", limit).
		status(http.StatusRequestEntityTooLarge)
	if r.ContentLength > limit && (r.ContentLength > maxDrained || strings.EqualFold(r.Header.Get("Expect"), "100-continue")) {
		return nil, tooLarge
	}
	body := &patient{w: w, r: r.Body}
	defer body.done()
	if r.ContentLength > limit {
		_, _ = io.Copy(io.Discard, body)
		return nil, tooLarge
	}
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 {
		buf.Grow(int(min(n, maxPromised)) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(io.LimitReader(body, limit+1))
	if err != nil {
		// net/http would wait for the rest, before the answer or after it.
		w.Header().Set("Connection", "close")
		body.gone = true
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, newRefusal("", "the request's body did not arrive: nothing came for %v", bodyWait).status(http.StatusRequestTimeout)
	case err != nil:
		return nil, newRefusal("", "read the request: %w", err)
	case int64(buf.Len()) > limit:
		buf = bytes.Buffer{}
		_, _ = io.CopyN(io.Discard, body, maxDrained)
		return nil, tooLarge
	}
	return buf.Bytes(), nil
}

// patient reads a body as long as something comes.
type patient struct {
	w    http.ResponseWriter
	r    io.Reader
	gone bool // nothing more will come
}

func (p *patient) Read(b []byte) (int, error) {
	_ = http.NewResponseController(p.w).SetReadDeadline(time.Now().Add(bodyWait)) // tests' recorders have none
	return p.r.Read(b)
}

// done lets the connection live on: the client may be silent while it waits.
func (p *patient) done() {
	var until time.Time
	if p.gone {
		until = time.Now()
	}
	_ = http.NewResponseController(p.w).SetReadDeadline(until)
}
