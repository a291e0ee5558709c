package downloader

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// discover finds out how long a file is whose size nobody said: from the answer to a
// request for its first byte. One that does not say it either is taken as it comes.
func (w *fetch) discover(ctx context.Context) error {
	w.attempts = make([]attempt, 1)
	for failures := 0; ; {
		got, err := w.probe(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if got > 0 {
			w.share.lost(got)
		}
		if err := w.recover(ctx, err, got, &failures); err != nil {
			return err
		}
	}
}

func (w *fetch) probe(ctx context.Context) (got int64, err error) {
	loc, version, err := w.source.location(ctx)
	if err != nil {
		return 0, err
	}
	ranged := w.misranged.Load() == 0
	resp, err := w.ask(ctx, loc, span{to: 1}, ranged)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	size := int64(-1)
	switch resp.StatusCode {
	case http.StatusPartialContent:
		_, _, size, _ = contentRange(resp.Header.Get("Content-Range"))
	case http.StatusRequestedRangeNotSatisfiable:
		// An empty file has no first byte.
		if _, _, total, ok := contentRange(resp.Header.Get("Content-Range")); ok && total == 0 {
			size = 0
		}
	case http.StatusOK:
		if err := LoginPage(resp); err != nil {
			return 0, err
		}
		size = resp.ContentLength
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusGone:
		if w.source.refused(version, w.fetched.Load()) {
			return 0, errExpired
		}
		return 0, StatusError(resp)
	default:
		return 0, StatusError(resp)
	}
	if err := w.sameVersion(resp.Header); err != nil {
		return 0, err
	}
	w.source.arrived(version, resp)
	switch {
	case size > maxSize:
		return 0, &Error{Kind: Refused, Status: resp.StatusCode, Msg: "the server says it has " + amount(size), Advice: "No model is that large: the server is wrong."}
	case size >= 0:
		w.queue = newQueue(size, w.c.unit)
		w.share.sized(size)
		return 0, w.reserve()
	case resp.StatusCode != http.StatusOK:
		if !ranged {
			return 0, &Error{Kind: Network, Status: resp.StatusCode, Err: errRange, Msg: errRange.Error(), Advice: "The server, or a proxy on the way, is broken."}
		}
		w.misranged.Add(1)
		return 0, errNoRange
	}
	return w.stream(ctx, resp.Body)
}

// stream takes a body of unknown length. Where it ends too early without a sign, only
// a hash can tell.
func (w *fetch) stream(ctx context.Context, body io.Reader) (n int64, err error) {
	buf := make([]byte, burst)
	for {
		k, err := body.Read(buf)
		if k > 0 {
			if _, err := w.part.WriteAt(buf[:k], n); err != nil {
				return n, localError("write "+w.dest+partSuffix, err)
			}
			n += int64(k)
			w.came(0, int64(k), int64(k))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && n > maxSize {
			err = &Error{Kind: Refused, Status: http.StatusOK, Msg: "the server sends without end"}
		}
		if err != nil {
			return n, err
		}
	}
	w.queue = newQueue(n, w.c.unit)
	w.share.sized(n)
	for i := range w.queue.chunks {
		sum := newSum()
		if err := readBack(ctx, w.part, int64(i)*w.queue.unit, w.queue.length(i), buf, sum); err != nil {
			return n, err
		}
		w.queue.adopt(i, sum.Sum32())
	}
	return n, nil
}
