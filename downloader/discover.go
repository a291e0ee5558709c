package downloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/bise-sh/bise/fault"
)

// discover finds out how long a file is of unknown size: from the answer to a request for
// its first byte. One that does not say it either is taken as it comes.
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
		if err := w.retry(ctx, err, got, &failures); err != nil {
			return err
		}
	}
}

// probe asks once. Got is how many bytes came in vain when there is an error.
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
	_, _, total, ok := contentRange(resp.Header.Get("Content-Range"))
	switch resp.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
		if ok && total == 0 {
			size = 0 // an empty file has no first byte
		}
	default:
		if err := w.usable(resp, version, ranged); err != nil {
			return 0, err
		}
		if size = resp.ContentLength; resp.StatusCode == http.StatusPartialContent {
			size = -1
			if ok {
				size = total
			}
		}
	}
	if size > maxSize {
		return 0, failure(fault.Refused, resp, nil, fmt.Sprintf("%s reports a size of %s", resp.Request.URL.Host, amount(size)),
			"No model is that large: the server is wrong.")
	}
	if size < 0 && resp.StatusCode != http.StatusOK {
		if !ranged {
			return 0, w.broken(resp, errRange)
		}
		w.misranged.Add(1)
		return 0, errNoRange
	}
	w.source.arrived(version, resp)
	if size < 0 {
		return w.stream(ctx, resp.Body)
	}
	w.queue = newQueue(size, w.c.unit)
	w.share.sized(size)
	return 0, w.reserve()
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
			err = &fault.Error{Kind: fault.Refused, Msg: "the response does not end", Advice: "Check the URL."}
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
