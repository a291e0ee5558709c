package worker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"time"

	"github.com/bise-sh/bise/fault"
)

// acceptHeader comes with the interim response 102 by which a worker says that it
// has a request: the worker's process id, and its state. What is lost before
// can be asked again without harm. What is lost after may have been the very
// request that the process died of.
const acceptHeader = "Bise-Worker"

// maxTries bounds the attempts of a request to find a worker, which may exit just after it
// is found: on a busy machine several times, if it does not wait for requests.
const maxTries = 20

// A transport sends requests to a worker, and starts another one if it has exited.
type transport struct {
	base    *http.Transport
	starter *starter
}

// RoundTrip sends a request, with retries: see [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	oomBefore := oomKills()
	found := Status{} // the worker that the last try was to reach, when there was one before
	for tries := 1; ; tries++ {
		accepted := acceptance{oomBefore: oomBefore}
		r := req.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: accepted.read}))
		if tries > 1 {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			r.Body = body
		}
		resp, err := t.base.RoundTrip(r)
		if err == nil {
			resp.Body = &answer{resp.Body, ctx, t, &accepted}
			return resp, nil
		}
		switch {
		case ctx.Err() != nil:
			return nil, err
		case accepted.pid.Load() != 0:
			return nil, t.crashed(&accepted)
		case tries == maxTries || req.Method != http.MethodPost || req.GetBody == nil:
			// A request for information does not start a worker.
			return nil, fault.Errorf(fault.Crashed, "cannot reach the worker for %s: %w", t.starter.spec.Name, err)
		}
		// A worker that dies at its start would die again.
		if how := waitEnd(found.PID, 100*time.Millisecond); how != "" && how != left {
			return nil, crashed(t.starter.spec.Name, "before it could answer", found.PID, found.Log, oomBefore)
		}
		if found, err = t.starter.reopen(ctx); err != nil {
			return nil, err
		}
	}
}

// CloseIdleConnections closes unused connections.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// crashed is the error of a request that a worker had accepted.
func (t *transport) crashed(a *acceptance) error {
	when := "while answering"
	if a.loading.Load() {
		when = "while loading the model or answering"
	}
	return crashed(t.starter.spec.Name, when, int(a.pid.Load()), *t.starter.log.Load(), a.oomBefore)
}

// An acceptance is the header of a worker that accepted a request.
type acceptance struct {
	pid       atomic.Int64 // 0: not accepted
	loading   atomic.Bool
	oomBefore int // oomKills at the time of the request
}

func (a *acceptance) read(_ int, h textproto.MIMEHeader) error {
	var pid int64
	var state State
	if _, err := fmt.Sscan(h.Get(acceptHeader), &pid, &state); err == nil {
		a.loading.Store(state == Loading)
		a.pid.Store(pid)
	}
	return nil
}

// An answer is the body of a response. When it breaks off, the worker has died.
type answer struct {
	io.ReadCloser
	ctx      context.Context // of the request
	carrier  *transport
	accepted *acceptance
}

func (b *answer) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && b.ctx.Err() == nil {
		err = b.carrier.crashed(b.accepted)
	}
	return n, err
}
