package downloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/fault"
)

const (
	// retryTime is how long a download continues without a byte. Before the first response
	// it is shorter: the server may not exist.
	retryTime      = 10 * time.Minute
	firstRetryTime = 2 * time.Minute
	// goodAttempt is the number of bytes after which a failed attempt is repeated at once.
	goodAttempt = 64 << 10
)

var (
	errShort = errors.New("the connection was closed too early")
	errSlow  = errors.New("one connection was much slower than the others")
)

// An attempt is the current request of a connection.
type attempt struct {
	mu    sync.Mutex
	stop  context.CancelCauseFunc // nil while there is none
	began time.Time
	bytes atomic.Int64 // of all attempts
	drops atomic.Int64 // attempts dropped as slow since a successful one
}

// connection downloads one span after another until the file is complete.
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
		if err := w.retry(ctx, err, got, &failures); err != nil {
			return err
		}
	}
}

// final reports whether another try is pointless after an error.
func final(err error) bool {
	var (
		e *fault.Error
		l *locateError
	)
	return errors.Is(err, errChanged) || (errors.As(err, &e) || errors.As(err, &l)) && !retriable(err)
}

// retry waits before another try, or returns an error when it is time to give up.
func (w *fetch) retry(ctx context.Context, err error, got int64, failures *int) error {
	if final(err) {
		return err
	}
	limit := retryTime
	if statusOf(err) != 0 {
		w.answered.Store(true)
	} else if !w.answered.Load() {
		limit = firstRetryTime
	}
	if time.Since(time.Unix(0, w.good.Load())) > limit {
		return &fault.Error{
			Kind: fault.Network, Cause: err, Msg: fmt.Sprintf("received nothing for %s: %v", roundDuration(limit), cause(err)),
			Advice: "Check the connection and run the command again: the download continues.",
		}
	}
	if got >= goodAttempt || errors.Is(err, errExpired) || errors.Is(err, errNoRange) || errors.Is(err, errSlow) {
		*failures = 0
		return nil
	}
	*failures++
	wait := backoff(*failures)
	w.share.setReason(fmt.Sprint(cause(err)), time.Now().Add(wait))
	return sleep(ctx, wait)
}

// get downloads a span and returns how many bytes arrived.
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
	// Every server supports a request for the whole file.
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
	req := loc.request().WithContext(ctx)
	if ranged {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", s.from, s.to-1))
		w.mu.Lock()
		if w.validator != "" {
			req.Header.Set("If-Range", w.validator)
		}
		w.mu.Unlock()
	}
	return w.c.persist(ctx, req, func(until time.Time) {
		w.share.setReason(loc.URL.Host+" limits requests", until)
	})
}

// persist is [Client.Do] that waits as long as a server asks for, and leaves other errors to
// its caller.
func (c *Client) persist(ctx context.Context, req *http.Request, onPause func(time.Time)) (*http.Response, error) {
	for waits := 0; ; {
		resp, wait, asked, err := c.try(ctx, req, onPause)
		switch {
		case err != nil && asked && wait <= maxWait && waits < maxWaits:
			waits++
		case err != nil && asked:
			return nil, &fault.Error{Kind: fault.Limited, Msg: err.Error(), Cause: errLongWait, Advice: fmt.Sprintf("Try again in %s.", roundDuration(wait))}
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

// maxWaits is how often a server may ask to wait for one request.
const maxWaits = 20

// copy writes a body to the chunks of a span, as long as the connection owns them.
func (w *fetch) copy(who int, s span, body io.Reader) (got int64, err error) {
	q, buf := w.queue, make([]byte, burst)
	pos := s.from
	if s.whole {
		pos = 0
	}
	for i := s.first; i < s.last; i++ {
		at, mine := q.owns(who, i)
		if !mine && !s.whole {
			return got, nil // another connection took it over
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
					w.received(who, int64(n), 0)
				} else {
					if _, err := w.part.WriteAt(buf[:n], pos); err != nil {
						return got, localError("write "+w.dest+partSuffix, err)
					}
					if sum, whole := q.addWritten(i, buf[:n]); whole {
						w.addNote(note{i, sum})
						w.part.StartWriteback(start, end-start)
					}
					at += int64(n)
					w.received(who, int64(n), int64(n))
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
	// A body that is read to its end leaves the connection reusable.
	_, _ = body.Read(buf[:1])
	return got, nil
}

// received counts received bytes, of which kept are new.
func (w *fetch) received(who int, bytes, kept int64) {
	w.fetched.Add(bytes)
	w.attempts[who].bytes.Add(bytes)
	w.share.add(bytes, kept)
	if kept > 0 {
		w.good.Store(time.Now().UnixNano())
		w.answered.Store(true)
	}
}
