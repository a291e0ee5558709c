package downloader

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// Read downloads a small file into memory, such as a licence or an index. It fails if the file
// has more than limit bytes, or not the expected size and hash.
func (c *Client) Read(ctx context.Context, f File, limit int64) ([]byte, error) {
	if f.Size > limit {
		return nil, &fault.Error{Kind: fault.Refused, Msg: fmt.Sprintf("read %s: it has %s, more than the %s allowed", f.Name, units.Size(f.Size), units.Size(limit))}
	}
	for try := 1; ; try++ {
		data, err := c.read(ctx, f, limit)
		if err == nil {
			return data, nil
		}
		var located *locateError
		if errors.As(err, &located) {
			return nil, located.err // it names the file
		}
		if ctx.Err() != nil || try == readTries || !mayRetry(err) {
			return nil, fmt.Errorf("read %s: %w", f.Name, err)
		}
	}
}

const readTries = 3

// mayRetry reports whether another try may succeed: the bytes were wrong, the body ended too
// early, or a signed URL had expired.
func mayRetry(err error) bool {
	kind, status := fault.KindOf(err), statusOf(err)
	return kind == fault.Damaged || kind == fault.Network && status == http.StatusOK || kind == fault.Denied && status == http.StatusForbidden
}

func (c *Client) read(ctx context.Context, f File, limit int64) ([]byte, error) {
	loc, err := f.Locate(ctx)
	if err != nil {
		return nil, &locateError{err}
	}
	resp, err := c.Do(context.WithValue(ctx, trailKey{}, loc.trail), loc.request())
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
	_, _ = d.Write(data) // never fails
	if f.Size >= 0 && f.Size != int64(len(data)) || !d.ok() {
		return nil, failure(fault.Damaged, resp, nil, fmt.Sprintf("the %d bytes received are not the expected ones", len(data)),
			"Try again; if it happens again, the server or a proxy is broken.")
	}
	return data, nil
}
