package downloader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/bise-sh/bise/fault"
	"golang.org/x/time/rate"
)

var errStalled = errors.New("received nothing for " + roundDuration(stallTime))

// A body is the body of a response with a rate limit and a timeout.
type body struct {
	io.ReadCloser
	ctx   context.Context
	stop  context.CancelCauseFunc
	stall *time.Timer
	pace  *pace
}

func newBody(ctx context.Context, stop context.CancelCauseFunc, rc io.ReadCloser, p *pace) *body {
	b := &body{ReadCloser: rc, ctx: ctx, stop: stop, pace: p}
	b.stall = time.AfterFunc(stallTime, func() { stop(errStalled) })
	b.stall.Stop()
	return b
}

func (b *body) Read(p []byte) (int, error) {
	p = p[:min(len(p), b.pace.piece())]
	b.stall.Reset(stallTime)
	n, err := b.ReadCloser.Read(p)
	b.stall.Stop()
	if err != nil && !errors.Is(err, io.EOF) && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	// The rate limit must not count as a stall of the server.
	if wait := b.pace.wait(b.ctx, n); err == nil {
		err = wait
	}
	return n, err
}

func (b *body) Close() error {
	b.stall.Stop()
	b.stop(nil)
	return b.ReadCloser.Close()
}

// burst is the size of the largest read, and so of the largest burst with a rate limit.
const burst = 256 << 10 // bytes

// A pace limits the rate of all transfers together.
type pace struct{ limiter *rate.Limiter }

func newPace(bytesPerSecond int64) *pace {
	p := &pace{rate.NewLimiter(rate.Inf, burst)}
	p.set(bytesPerSecond)
	return p
}

func (p *pace) set(bytesPerSecond int64) {
	limit := rate.Limit(bytesPerSecond)
	if bytesPerSecond <= 0 {
		limit = rate.Inf
	}
	p.limiter.SetLimit(limit)
}

// piece is the size of a read: a tenth of a second, so that a new limit soon applies.
func (p *pace) piece() int {
	limit := p.limiter.Limit()
	if limit >= 10*burst {
		return burst
	}
	return max(1, int(limit/10))
}

// wait waits as long as n received bytes take at the limit.
func (p *pace) wait(ctx context.Context, n int) error {
	if err := p.limiter.WaitN(ctx, n); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	return nil
}

const maxBodyTime = 2 * time.Minute

// ReadBody reads a short body, such as a listing, and closes it. More than limit bytes, or
// two minutes, are an error.
func ReadBody(resp *http.Response, limit int64) ([]byte, error) {
	defer resp.Body.Close()
	late := false
	var once sync.Once
	timer := time.AfterFunc(maxBodyTime, func() {
		once.Do(func() { late = true })
		resp.Body.Close()
	})
	defer timer.Stop()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	once.Do(func() {})
	switch {
	case late:
		err = errors.New("it is incomplete after " + roundDuration(maxBodyTime))
	case err == nil && int64(len(data)) > limit:
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	if err != nil {
		return nil, failure(fault.Network, resp, err, fmt.Sprintf("read the response of %s: %v", resp.Request.URL.Host, cause(err)), "Try again.")
	}
	return data, nil
}
