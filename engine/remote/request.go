package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
)

const (
	maxFailure = 64 << 10 // bytes of an error's body
	maxWait    = time.Minute
	firstWait  = 500 * time.Millisecond
)

// encode is json.Marshal that leaves <, > and & alone, so that requests stay
// short. What cannot be written is the caller's mistake.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fault.Errorf(fault.Invalid, "write the request: %w", err)
	}
	return b.Bytes(), nil
}

// post sends a request and gives its answer, whose body the caller closes. An
// answer that is an error comes back as one.
func (e *Engine) post(ctx context.Context, path string, body any, accept string) (*http.Response, error) {
	data, err := encode(body)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		resp, err := e.send(ctx, http.MethodPost, path, data, accept)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode/100 == 2 {
			return resp, nil
		}
		wait, again := retryAfter(resp, try)
		failed, _ := e.failure(resp)
		if !again || try >= e.c.Retries {
			return nil, failed
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// get asks for a small JSON value.
func (e *Engine) get(ctx context.Context, path string, v any) error {
	resp, err := e.send(ctx, http.MethodGet, path, nil, jsonType)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		failed, _ := e.failure(resp)
		return failed
	}
	return e.decode(ctx, resp, v)
}

const (
	jsonType   = "application/json"
	streamType = "text/event-stream"
)

func (e *Engine) send(ctx context.Context, method, path string, body []byte, accept string) (*http.Response, error) {
	target := strings.TrimSuffix(e.base.String(), "/") + path
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "make a request to %s: %w", e.base.Host, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", jsonType)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "bise")
	if e.c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+e.c.Key)
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return nil, e.broken(ctx, err, "reach "+e.base.Host)
	}
	return resp, nil
}

// maxAnswer bounds an answer that comes in one piece: the vectors of many texts.
const maxAnswer = 1 << 30

// decode reads a JSON answer and closes it.
func (e *Engine) decode(ctx context.Context, resp *http.Response, v any) error {
	defer resp.Body.Close()
	body, err := e.readAll(ctx, resp.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
			return e.notAPI()
		}
		return fault.Errorf(fault.Internal, "read the answer of %s: %w", e.base.Host, err)
	}
	return nil
}

// readAll reads an answer that comes in one piece.
func (e *Engine) readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	switch {
	case err != nil:
		return nil, e.broken(ctx, err, "read the answer of "+e.base.Host)
	case len(body) > maxAnswer:
		return nil, fault.Errorf(fault.Internal, "the answer of %s has more than %d bytes", e.base.Host, maxAnswer)
	}
	return body, nil
}

// notAPI is the error of an answer that is a web page.
func (e *Engine) notAPI() error {
	err := fault.Errorf(fault.Internal, "%s answered with a web page instead of JSON", e.base.Host)
	err.Advice = "Check the URL of the endpoint. A proxy may want you to sign in."
	return err
}

// endedEarly is the error of an answer without an end.
func (e *Engine) endedEarly(ctx context.Context, how string) error {
	err := e.broken(ctx, io.ErrUnexpectedEOF, "read the answer of "+e.base.Host)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Network && f.Cause == io.ErrUnexpectedEOF {
		f.Msg = "the answer of " + e.base.Host + " " + how
		f.Advice = "Ask again. If it happens often, look at the server's log."
	}
	return err
}

// broken is the error of a connection.
func (e *Engine) broken(ctx context.Context, err error, attempt string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok { // which has the whole URL in its words
		err = wrapped.Err
	}
	if e.c.OnBroken != nil {
		return e.c.OnBroken(err)
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return known
	}
	return &fault.Error{
		Kind: fault.Network, Cause: err,
		Msg:    fmt.Sprintf("cannot %s: %v", attempt, err),
		Advice: "Check the URL, and that the server runs.",
	}
}

// retryAfter returns how long to wait before a retry, and whether a retry may succeed.
func retryAfter(resp *http.Response, try int) (time.Duration, bool) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	jitter := time.Duration(rand.Int64N(int64(firstWait / 2)))
	asked := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(asked, 64); err == nil && seconds >= 0 {
		if seconds > maxWait.Seconds() {
			return 0, false
		}
		return time.Duration(seconds*float64(time.Second)) + jitter, true
	}
	if at, err := http.ParseTime(asked); err == nil {
		wait := max(0, time.Until(at))
		return wait + jitter, wait <= maxWait
	}
	return firstWait<<min(try, 6) + jitter, true
}
