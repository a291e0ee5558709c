package llamaserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

const (
	maxError = 64 << 10  // bytes of an error
	maxLine  = 16 << 20  // bytes of one event
	maxReply = 256 << 20 // bytes of an answer in one piece: probabilities of many tokens
)

// post sends a request and returns the body of the answer, which the caller closes.
func (c *child) post(ctx context.Context, route string, body any) (io.ReadCloser, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, fault.Errorf(fault.Internal, "ask llama-server: %w", err)
	}
	return c.do(ctx, http.MethodPost, route, bytes.NewReader(data))
}

func (c *child) do(ctx context.Context, method, route string, body *bytes.Reader) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	silence := time.AfterFunc(c.wait.answer, func() { cancel(errHangs) })
	stop := func() { silence.Stop(); cancel(nil) }
	r, err := http.NewRequestWithContext(ctx, method, "http://llama-server"+route, body)
	if err != nil {
		stop()
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("Content-Type", "application/json")
	// The server closes a connection after some requests, also as the next one arrives: net/http may
	// then send that again.
	r.Header["Idempotency-Key"] = []string{}
	resp, err := c.http.Do(r)
	if err != nil {
		defer stop()
		return nil, c.broken(ctx, err)
	}
	b := &reply{body: resp.Body, ctx: ctx, stop: stop, silence: silence, c: c}
	if resp.StatusCode == http.StatusOK {
		return b, nil
	}
	defer b.Close()
	text, err := io.ReadAll(io.LimitReader(b, maxError))
	if err != nil && len(text) == 0 {
		return nil, err
	}
	return nil, refusal(resp.StatusCode, text)
}

var errHangs = errors.New("llama-server does not answer")

// A reply is the body of an answer, each part of which must come in time.
type reply struct {
	body    io.ReadCloser
	ctx     context.Context
	stop    func()
	silence *time.Timer
	c       *child
}

func (r *reply) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if n > 0 {
		r.silence.Reset(r.c.wait.answer)
	}
	if err != nil && err != io.EOF {
		err = r.c.broken(r.ctx, err)
	}
	return n, err
}

func (r *reply) Close() error {
	r.stop()
	return r.body.Close()
}

// broken is the error of a connection that failed.
func (c *child) broken(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errHangs) {
		_ = c.process.Kill() // it does not react to less; the next request starts another one
		return fault.Errorf(fault.Crashed, "llama-server does not answer: nothing came for %s", c.wait.answer)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// The connection of a process that dies breaks a moment before its end is known.
	select {
	case <-c.exited:
	case <-time.After(c.wait.stop):
		return fault.Errorf(fault.Crashed, "the answer of llama-server broke off: %w", err)
	}
	return c.crashed()
}

// refusal is the error of an answer that is not 200.
func refusal(status int, body []byte) error {
	var e struct {
		Error failure `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil || e.Error.Message == "" {
		return fault.Errorf(fault.Internal, "llama-server answered %d: %s", status, cleanLine(string(body), 200))
	}
	if e.Error.Code == 0 {
		e.Error.Code = status
	}
	return e.Error.fault()
}

// A failure is llama-server's error.
type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Tokens  int    `json:"n_prompt_tokens"`
	Context int    `json:"n_ctx"`
}

func (f *failure) fault() error {
	message := cleanLine(f.Message, 300)
	switch {
	case f.Type == "exceed_context_size_error" && f.Tokens > 0:
		return engine.ErrTooLong(f.Tokens, f.Context)
	case contextFull.MatchString(f.Message):
		return fault.Advise(fault.Errorf(fault.Busy, "the context is full: other answers use it"), "Try again when they are done, or set max_tokens.")
	case f.Code == http.StatusBadRequest && grammarFault.MatchString(f.Message):
		return &fault.Error{Kind: fault.Invalid, Param: "grammar", Msg: "the grammar cannot be used: " + message}
	case f.Code == http.StatusBadRequest:
		return fault.Errorf(fault.Invalid, "llama-server refuses the request: %s", message)
	case f.Code == http.StatusNotImplemented:
		return fault.Errorf(fault.Unsupported, "llama-server cannot do this: %s", message)
	}
	return fault.Errorf(fault.Internal, "llama-server answered %d: %s", f.Code, message)
}

// ask sends a request and decodes the answer, which is JSON in one piece.
func (c *child) ask(ctx context.Context, method, route string, body, answer any) error {
	var data []byte
	var err error
	if body != nil {
		if data, err = json.Marshal(body); err != nil {
			return fault.Errorf(fault.Internal, "ask llama-server: %w", err)
		}
	}
	r, err := c.do(ctx, method, route, bytes.NewReader(data))
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxReply+1))
	if err != nil {
		return err
	}
	if len(text) > maxReply {
		return garbage(route, errors.New("it is too long"))
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return garbage(route, err)
	}
	return nil
}

func garbage(route string, err error) error {
	return fault.Advise(fault.Errorf(fault.Internal, "cannot read llama-server's answer to %s: %w", route, err), "%s", updateAdvice)
}

// events reads a stream of JSON values until do returns false or an error, or the stream ends.
func events(r io.Reader, do func(data []byte) (more bool, err error)) error {
	in := bufio.NewReaderSize(r, 32<<10)
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(line) <= maxLine:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return garbage("/completion", errors.New("an event is too long"))
		case err != nil && err != io.EOF:
			return err
		}
		if data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data:")); ok {
			if more, err := do(bytes.TrimSpace(data)); err != nil || !more {
				return err
			}
		} else if data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("error:")); ok {
			var f failure
			if json.Unmarshal(data, &f) == nil && f.Message != "" {
				return f.fault()
			}
			return garbage("/completion", fmt.Errorf("%q", cleanLine(string(data), 100)))
		}
		line = line[:0]
		if err == io.EOF {
			return nil
		}
	}
}
