package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/bise-sh/bise/fault"
)

// The control routes, beside those of package api.
const (
	statusRoute = "/v1/bise/worker/status" // GET: Status
	stopRoute   = "/v1/bise/worker/stop"   // POST stopOrder: the connection closes when the worker is gone
	keepRoute   = "/v1/bise/worker/keep"   // POST keepOrder
)

// A stopOrder asks a worker to exit.
type stopOrder struct {
	Grace time.Duration `json:"grace_ns"` // for answers being written
}

// A keepOrder sets how long a worker stays after its last request.
type keepOrder struct {
	KeepAlive time.Duration `json:"keep_alive_ns"`
}

// answerWithin is the timeout of a status request. A worker answers at once, loading or
// not, unless it is stopped or the machine is overloaded.
const answerWithin = 10 * time.Second

// maxControl bounds what is read of a control route's request or reply, in bytes.
const maxControl = 1 << 20

// A control talks to the control routes behind one socket, with a connection for
// each call: a worker that leaves is then not mistaken for one that stays.
type control struct {
	socket string
	client http.Client
}

func newControl(socket string) *control {
	c := &control{socket: socket}
	c.client.Transport = &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, socket) },
		DisableKeepAlives: true,
	}
	return c
}

func dial(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", socket)
}

// call makes one request. A worker that closes the connection without an answer is
// exiting and has removed its socket, so call dials again to find out.
func (c *control) call(ctx context.Context, method, route string, body any) (*http.Response, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	for range 3 {
		var req *http.Request
		req, err = http.NewRequestWithContext(ctx, method, "http://worker"+route, bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		var resp *http.Response
		resp, err = c.client.Do(req)
		if err == nil && resp.StatusCode != http.StatusOK {
			resp.Body.Close()
			return nil, fmt.Errorf("ask the worker: %s %s: %s", method, route, resp.Status)
		}
		if err == nil {
			return resp, nil
		}
		if !hungUp(err) {
			break
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, fmt.Errorf("ask the worker: %w", err)
}

// hungUp reports whether the other end closed the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// errSilent is the cause of a call that ended because the worker did not answer.
var errSilent = errors.New("it does not answer")

// status asks for the worker's status. The error satisfies [notListening] if no process
// listens, and is errSilent if one listens and does not answer.
func (c *control) status(ctx context.Context, within time.Duration) (Status, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, errSilent)
	defer cancel()
	resp, err := c.call(ctx, http.MethodGet, statusRoute, nil)
	if err != nil {
		return Status{}, err
	}
	defer resp.Body.Close()
	var st Status
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxControl)).Decode(&st); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return Status{}, fmt.Errorf("read the worker's status: %w", err)
	}
	return st, nil
}

// keep sets how long the worker stays.
func (c *control) keep(ctx context.Context, d time.Duration) error {
	resp, err := c.call(ctx, http.MethodPost, keepRoute, keepOrder{d})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// stop asks the worker to exit and waits for it. It kills a worker that does not answer
// or exceeds its grace by far.
func (c *control) stop(ctx context.Context, grace time.Duration) error {
	const (
		toAnswer  = 3 * time.Second
		toPutAway = 30 * time.Second // for saving conversations and freeing the model
	)
	pid, err := c.pid(ctx)
	if notListening(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("stop the worker: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	overdue := time.AfterFunc(toAnswer, func() {
		if pid == 0 || kill(pid) != nil {
			cancel(errSilent)
		}
	})
	defer overdue.Stop()
	resp, err := c.call(ctx, http.MethodPost, stopRoute, stopOrder{grace})
	if notListening(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("stop the worker: %w", err)
	}
	defer resp.Body.Close()
	overdue.Reset(grace + toPutAway)
	if _, _ = io.Copy(io.Discard, resp.Body); ctx.Err() != nil {
		return fmt.Errorf("stop the worker: %w", context.Cause(ctx))
	}
	return nil // the connection ends with the process
}

// pid returns the process that listens, 0 if the system does not report it.
func (c *control) pid(ctx context.Context) (int, error) {
	conn, err := dial(ctx, c.socket)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return peer(conn.(*net.UnixConn)), nil
}

// errSilentWorker is the error of a worker that hangs.
func errSilentWorker(name string) error {
	return &fault.Error{
		Kind:   fault.Busy,
		Msg:    fmt.Sprintf("the worker for %s does not answer", name),
		Advice: "Stop it with `bise stop`, then ask again.",
		Cause:  errSilent,
	}
}
