package downloader

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bise-sh/bise/fault"
)

// Read downloads a small file into memory: a licence, an index, a manifest's layer. It is
// an error if it has more than limit bytes, or not the size and hash that are known.
func (c *Client) Read(ctx context.Context, f File, limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, &fault.Error{Kind: fault.Refused, Msg: fmt.Sprintf("read %s: it has %s, more than the %s allowed", f.Name, amount(f.Size), amount(limit))}
	}
	for try := 1; ; try++ {
		data, err := c.read(ctx, f, limit)
		if err == nil {
			return data, nil
		}
		var located *locateError
		if errors.As(err, &located) {
			return nil, located.err // which says what it is about
		}
		if ctx.Err() != nil || try == readTries || !worthAgain(err) {
			return nil, fmt.Errorf("read %s: %w", f.Name, err)
		}
	}
}

// readTries is how often a small file is asked for that does not come right.
const readTries = 3

// worthAgain reports whether another try may go better: the bytes were wrong, they
// ended too early, or a signed URL had expired.
func worthAgain(err error) bool {
	kind, status := fault.KindOf(err), statusOf(err)
	return kind == fault.Damaged || kind == fault.Network && status == http.StatusOK || kind == fault.Denied && status == http.StatusForbidden
}

func (c *Client) read(ctx context.Context, f File, limit int64) ([]byte, error) {
	loc, err := f.Locate(ctx)
	if err != nil {
		return nil, &locateError{err}
	}
	req := &http.Request{Method: http.MethodGet, URL: loc.URL, Header: loc.Header.Clone()}
	if req.Header == nil {
		req.Header = http.Header{}
	}
	resp, err := c.Do(context.WithValue(ctx, trailKey{}, loc.trail), req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, ResponseError(resp)
	}
	if f.Hash == "" {
		if err := LoginPage(resp); err != nil {
			resp.Body.Close()
			return nil, err
		}
	}
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		resp.Body.Close()
		return nil, failure(fault.Network, resp, nil, fmt.Sprintf("the server sent it compressed (%.20q)", enc), proxyAdvice)
	}
	data, err := ReadBody(resp, limit)
	if err != nil {
		return nil, err
	}
	d := newDigest(f.Hash, int64(len(data)))
	_, _ = d.Write(data) // a hash takes everything
	if f.Size >= 0 && f.Size != int64(len(data)) || !d.ok() {
		return nil, failure(fault.Damaged, resp, nil, fmt.Sprintf("the %d bytes received are not the expected ones", len(data)),
			"Try again; if it happens again, the server or a proxy is broken.")
	}
	return data, nil
}
