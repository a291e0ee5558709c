package downloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// patience is how long a file is tried for without a byte. It is less as long as
	// nobody has answered: perhaps there is no such server.
	patience      = 10 * time.Minute
	firstPatience = 2 * time.Minute
	// worth is how many bytes make an attempt one that went well, so that the next one
	// is made at once.
	worth = 64 << 10
)

var (
	errShort   = errors.New("the connection was closed before all had come")
	errSlow    = errors.New("one connection was much slower than the others")
	errExpired = errors.New("the address has expired")
	errNoRange = errors.New("the server sends only the whole file")
	errRange   = errors.New("the server sends another part than was asked for")
	errCoded   = errors.New("the server sends it compressed")
)

// An attempt is what a connection is at.
type attempt struct {
	mu    sync.Mutex
	stop  context.CancelCauseFunc // nil while there is none
	began time.Time
	bytes atomic.Int64 // by this connection, ever
	drops atomic.Int64 // attempts that were given up as slow, since one went well
}

// connection fetches one span after another until there is nothing left.
func (w *fetch) connection(ctx context.Context, who, connections int) error {
	failures := 0
	for {
		s, ok := w.queue.take(ctx, who, connections)
		if !ok {
			return nil
		}
		got, err := w.get(ctx, who, s)
		w.queue.release(who)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			failures = 0
			w.attempts[who].drops.Store(0)
			continue
		}
		if err := w.recover(ctx, err, got, &failures); err != nil {
			return err
		}
	}
}

// final reports whether it makes no sense to try again after an error.
func final(err error) bool {
	var (
		e *Error
		l *locateError
	)
	return errors.Is(err, errChanged) || (errors.As(err, &e) || errors.As(err, &l)) && !retriable(err)
}

// recover waits as long as is good after an error, or says that it is enough.
func (w *fetch) recover(ctx context.Context, err error, got int64, failures *int) error {
	if final(err) {
		return err
	}
	limit := patience
	if e := (*Error)(nil); errors.As(err, &e) && e.Status != 0 {
		w.answered.Store(true)
	} else if !w.answered.Load() {
		limit = firstPatience
	}
	if time.Since(time.Unix(0, w.good.Load())) > limit {
		return &Error{
			Kind: Network, Err: err, Msg: fmt.Sprintf("nothing came for %v: %v", limit, cause(err)),
			Advice: "Check the connection and run it again: it goes on from where it is.",
		}
	}
	if got >= worth || errors.Is(err, errExpired) || errors.Is(err, errNoRange) || errors.Is(err, errSlow) {
		*failures = 0
		return nil
	}
	*failures++
	wait := backoff(*failures)
	w.share.waits(fmt.Sprint(cause(err)), time.Now().Add(wait))
	return sleep(ctx, wait)
}

// get fetches a span, and says how many bytes of it came.
func (w *fetch) get(ctx context.Context, who int, s span) (int64, error) {
	a := &w.attempts[who]
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	a.mu.Lock()
	a.stop, a.began = stop, time.Now()
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.stop = nil
		a.mu.Unlock()
	}()
	loc, version, err := w.source.location(ctx)
	if err != nil {
		return 0, err
	}
	// The whole file is asked for without a range: every server knows that.
	ranged := !s.whole && (s.from > 0 || s.to < w.queue.size)
	resp, err := w.ask(ctx, loc, s, ranged)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if s, err = w.accept(resp, who, s, ranged, version); err != nil {
		return 0, err
	}
	w.source.arrived(version, resp)
	w.once.Do(func() { close(w.opened) })
	n, err := w.copy(who, s, resp.Body)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return n, err
}

// ask sends the request for a span, and follows redirects.
func (w *fetch) ask(ctx context.Context, loc Location, s span, ranged bool) (*http.Response, error) {
	ctx = context.WithValue(ctx, trailKey{}, trail{public: loc.trail.public})
	req := (&http.Request{Method: http.MethodGet, URL: loc.URL, Header: loc.Header.Clone()}).WithContext(ctx)
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if ranged {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", s.from, s.to-1))
		w.mu.Lock()
		if w.validator != "" {
			req.Header.Set("If-Range", w.validator)
		}
		w.mu.Unlock()
	}
	return w.c.persist(ctx, req, func(until time.Time) {
		w.share.waits(loc.URL.Host+" wants fewer requests", until)
	})
}

// persist is [Client.Do] that waits as long as a server asks for, and leaves every
// other trouble to its caller.
func (c *Client) persist(ctx context.Context, req *http.Request, told func(time.Time)) (*http.Response, error) {
	for waits := 0; ; {
		resp, wait, asked, err := c.try(ctx, req, told)
		switch {
		case err != nil && asked && wait <= maxWait && waits < maxWaits:
			waits++
		case err != nil && asked:
			return nil, &Error{Kind: Limited, Msg: err.Error(), Err: errLongWait, Advice: fmt.Sprintf("Try again in %v.", wait.Round(time.Second))}
		case err != nil || !IsRedirect(resp):
			return resp, err
		default:
			if req, err = c.Follow(resp); err != nil {
				return nil, err
			}
			ctx = req.Context()
		}
	}
}

// maxWaits is how often in a row a server may ask to wait for the same request.
const maxWaits = 20

// accept decides whether an answer is what was asked for, and what of it to keep.
func (w *fetch) accept(resp *http.Response, who int, s span, ranged bool, version int) (span, error) {
	q := w.queue
	switch code := resp.StatusCode; code {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusGone:
		if w.source.refused(version, w.fetched.Load()) {
			return s, errExpired
		}
		return s, StatusError(resp)
	case http.StatusRequestedRangeNotSatisfiable:
		if _, _, total, ok := contentRange(resp.Header.Get("Content-Range")); ok && total >= 0 && total != q.size {
			return s, w.otherSize(resp, total)
		}
		return s, w.misrange()
	case http.StatusPartialContent:
		if !ranged {
			return s, w.misrange()
		}
	case http.StatusOK:
		if err := LoginPage(resp); err != nil && !strings.HasSuffix(w.file.Name, ".html") {
			return s, err
		}
	default:
		return s, StatusError(resp)
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		if w.misranged.Add(1) > 1 {
			return s, &Error{
				Kind: Network, Status: resp.StatusCode, RequestID: requestID(resp), Err: errCoded,
				Msg:    fmt.Sprintf("get %s: %v", plain(resp.Request.URL), errCoded),
				Advice: "A proxy on the way changes what is sent: go around it.",
			}
		}
		return s, errCoded
	}
	if err := w.sameVersion(resp.Header); err != nil {
		return s, err
	}
	if resp.StatusCode == http.StatusPartialContent {
		from, to, total, ok := contentRange(resp.Header.Get("Content-Range"))
		kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if !ok || kind == "multipart/byteranges" || from != s.from || to != s.to ||
			total >= 0 && total != q.size || resp.ContentLength >= 0 && resp.ContentLength != to-from {
			return s, w.misrange()
		}
		return s, nil
	}
	if resp.Header.Get("Content-Range") != "" { // of a part, whatever its status says
		return s, w.misrange()
	}
	if resp.ContentLength >= 0 && resp.ContentLength != q.size {
		return s, w.otherSize(resp, resp.ContentLength)
	}
	if !ranged {
		return s, nil
	}
	if s, ok := q.alone(who); ok {
		return s, nil
	}
	return s, errNoRange
}

// misrange counts answers that cannot be relied on; from the second on, ranges are
// done without.
func (w *fetch) misrange() error {
	const most = 6
	n := w.misranged.Add(1)
	if n > most {
		return &Error{
			Kind: Network, Status: http.StatusPartialContent, Err: errRange, Msg: errRange.Error(),
			Advice: "The server, or a proxy on the way, is broken: try another network.",
		}
	}
	if n > 1 {
		w.queue.alone(0)
	}
	return errRange
}

// otherSize is the error of a server whose file is not the one that was expected.
func (w *fetch) otherSize(resp *http.Response, size int64) error {
	return &Error{
		Kind: Damaged, Status: resp.StatusCode, RequestID: requestID(resp),
		Msg:    fmt.Sprintf("it should have %d bytes, and %s has one of %d bytes", w.queue.size, resp.Request.URL.Host, size),
		Advice: "The file has changed on the server, or a proxy on the way is broken: try again later.",
	}
}

// sameVersion reports an error when the server's file is not the one that was begun,
// as far as can be told. Where a hash is known it is what tells.
func (w *fetch) sameVersion(h http.Header) error {
	if w.file.Hash != "" {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v := validator(h)
	switch {
	case w.validator == "":
		w.validator = v
	case v != "" && v != w.validator:
		return errChanged
	}
	return nil
}

// validator is what tells one version of a file from another, for If-Range: a strong
// ETag, or a date.
func validator(h http.Header) string {
	const most = 256 // bytes
	for _, v := range []string{h.Get("ETag"), h.Get("Last-Modified")} {
		if v != "" && len(v) <= most && !strings.HasPrefix(v, "W/") {
			return v
		}
	}
	return ""
}

// copy writes a body to where it belongs, as long as that is this connection's.
func (w *fetch) copy(who int, s span, body io.Reader) (got int64, err error) {
	q, buf := w.queue, make([]byte, burst)
	pos := s.from
	if s.whole {
		pos = 0
	}
	for i := s.first; i < s.last; i++ {
		at, mine := q.owns(who, i)
		if !mine && !s.whole {
			return got, nil // another connection has taken it
		}
		start, end := int64(i)*q.unit, int64(i)*q.unit+q.length(i)
		if !mine {
			at = end - start
		}
		for pos < end {
			skip := start + at - pos
			limit := end - pos
			if skip > 0 {
				limit = skip
			}
			n, err := body.Read(buf[:min(burst, limit)])
			if n > 0 {
				if skip > 0 {
					w.came(who, int64(n), 0)
				} else {
					if _, err := w.part.WriteAt(buf[:n], pos); err != nil {
						return got, localError("write "+w.dest+partSuffix, err)
					}
					if sum, whole := q.wrote(i, buf[:n]); whole {
						w.noteDown(note{i, sum})
						w.part.Hasten(start, end-start)
					}
					at += int64(n)
					w.came(who, int64(n), int64(n))
				}
				pos += int64(n)
				got += int64(n)
			}
			if err != nil && pos < end {
				if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					err = errShort
				}
				return got, err
			}
		}
	}
	// Read to its end, the body leaves the connection to the next request.
	_, _ = body.Read(buf[:1])
	return got, nil
}

// came takes in that bytes have come, of which so many are new.
func (w *fetch) came(who int, bytes, kept int64) {
	w.fetched.Add(bytes)
	w.attempts[who].bytes.Add(bytes)
	w.share.came(bytes, kept)
	if kept > 0 {
		w.good.Store(time.Now().UnixNano())
		w.answered.Store(true)
	}
}

// contentRange reads a Content-Range header (RFC 9110, 14.4): bytes from, to before
// to, of total, which is −1 when it is not said. Where the range is not satisfied
// from and to are 0.
func contentRange(text string) (from, to, total int64, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes ")
	part, whole, cut := strings.Cut(text, "/")
	if !ok || !cut {
		return 0, 0, 0, false
	}
	number := func(s string) int64 {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil || s[0] == '+' {
			ok = false
		}
		return int64(n)
	}
	total = -1
	if whole != "*" {
		total = number(whole)
	}
	if part == "*" {
		return 0, 0, total, ok && total >= 0
	}
	first, last, cut := strings.Cut(part, "-")
	from, to = number(first), number(last)+1
	if !ok || !cut || to <= from || total >= 0 && to > total {
		return 0, 0, 0, false
	}
	return from, to, total, true
}
