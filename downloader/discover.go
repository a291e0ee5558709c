package downloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// discover finds the size of a file from the response to a request for its first byte. If
// the response has no size, the file is downloaded as a stream.
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
			w.share.subtract(got)
		}
		if err := w.retry(ctx, err, got, &failures); err != nil {
			return err
		}
	}
}

// probe sends one request. After an error, got is the number of useless bytes.
func (w *fetch) probe(ctx context.Context) (got int64, err error) {
	loc, version, err := w.source.location(ctx)
	if err != nil {
		return 0, err
	}
	ranged := w.badRanges.Load() == 0
	resp, err := w.ask(ctx, loc, span{to: 1}, ranged)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	size := int64(-1)
	_, _, total, ok := ContentRange(resp.Header.Get("Content-Range"))
	switch resp.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
		if ok && total == 0 {
			size = 0 // an empty file has no first byte
		}
	default:
		if err := w.checkResponse(resp, version, ranged); err != nil {
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
		return 0, failure(fault.Refused, resp, nil, fmt.Sprintf("%s reports a size of %s", resp.Request.URL.Host, units.Size(size)),
			"No model is that large: the server has an error.")
	}
	if size < 0 && resp.StatusCode != http.StatusOK {
		if !ranged {
			return 0, w.proxyError(resp, errRange)
		}
		w.badRanges.Add(1)
		return 0, errNoRange
	}
	w.source.arrived(version, resp)
	if size < 0 {
		return w.stream(ctx, resp.Body)
	}
	w.queue = newQueue(size, w.c.unit)
	w.share.setSize(size)
	return 0, w.reserve()
}

// stream downloads a body of unknown length. Only a hash can show that it ended too early.
func (w *fetch) stream(ctx context.Context, body io.Reader) (n int64, err error) {
	buf := make([]byte, burst)
	for {
		k, err := body.Read(buf)
		if k > 0 {
			if _, err := w.part.WriteAt(buf[:k], n); err != nil {
				return n, localError("write "+w.dest+partSuffix, err)
			}
			n += int64(k)
			w.received(0, int64(k), int64(k))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && n > maxSize {
			err = &fault.Error{Kind: fault.Refused, Msg: "the response is endless", Advice: "Check the URL."}
		}
		if err != nil {
			return n, err
		}
	}
	w.queue = newQueue(n, w.c.unit)
	w.share.setSize(n)
	for i := range w.queue.chunks {
		sum := newSum()
		if err := readBack(ctx, w.part, int64(i)*w.queue.unit, w.queue.length(i), buf, sum); err != nil {
			return n, err
		}
		w.queue.markDone(i, sum.Sum32())
	}
	return n, nil
}
