// Package remote keeps the engine contract over HTTP: with another bise (whose
// worker processes speak the same API), La Plateforme, vLLM, or any server that
// speaks OpenAI's API.
//
// An [Engine] may be called from any goroutine. It holds no more than idle
// connections.
package remote

import (
	"cmp"
	"context"
	"iter"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// Config selects a server and a model.
type Config struct {
	// URL is where the server is, with or without a trailing /v1. Without a scheme
	// it is https, or http on this machine.
	URL     string
	Key     string // bearer token; "": none is sent
	Model   string // sent with each request
	Dialect Dialect
	// HTTP makes the requests. Nil: a new client.
	HTTP *http.Client
	// Retries is how often a request that was answered 429 or 503 is sent again,
	// after the time the server asks for. 0: never.
	Retries int
	// OnBroken turns a connection that could not be made, or that broke before the
	// answer was whole, into the error that the caller sees. Nil: an error of kind
	// Network.
	OnBroken func(error) error
}

// An Engine is a model on a server.
type Engine struct {
	c    Config
	base *url.URL
	http *http.Client

	known knowledge

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

var _ engine.Engine = (*Engine)(nil)

// New returns an engine for a model on a server. It does not connect yet. An invalid URL
// is an error of kind Invalid.
func New(c Config) (*Engine, error) {
	base, err := baseURL(c.URL)
	if err != nil {
		return nil, err
	}
	if err := c.Dialect.check(); err != nil {
		return nil, err
	}
	e := &Engine{c: c, base: base}
	client := cmp.Or(c.HTTP, &http.Client{Transport: newTransport()})
	guarded := *client
	guarded.CheckRedirect = sameHost(client.CheckRedirect)
	e.http = &guarded
	return e, nil
}

// newTransport keeps enough idle connections for the usual number of concurrent requests.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.MaxIdleConnsPerHost = 16
	return t
}

// Chat answers a conversation.
func (e *Engine) Chat(ctx context.Context, req engine.ChatRequest) iter.Seq2[engine.Event, error] {
	if req.Overflow == engine.OverflowDropOldest {
		return e.dropping(ctx, req, func(req engine.ChatRequest) iter.Seq2[engine.Event, error] { return e.chat(ctx, req) })
	}
	return e.chat(ctx, req)
}

func (e *Engine) chat(ctx context.Context, req engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return e.generate(ctx, func(d Dialect) (call, error) {
		if err := req.Check(); err != nil {
			return call{}, err
		}
		req.Model = e.model(req.Model)
		c, err := d.chat(req)
		c.n = req.Choices()
		return c, err
	})
}

// Complete continues a text or writes the text between prefix and suffix.
func (e *Engine) Complete(ctx context.Context, req engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return e.generate(ctx, func(d Dialect) (call, error) {
		if err := req.Check(); err != nil {
			return call{}, err
		}
		req.Model = e.model(req.Model)
		c, err := d.complete(req)
		c.n = req.Choices()
		return c, err
	})
}

func (e *Engine) model(requested string) string { return cmp.Or(e.c.Model, requested) }

// begin registers a call; Close waits until end is called.
func (e *Engine) begin(ctx context.Context) (end func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, fault.Errorf(fault.Closed, "the engine is closed")
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	e.running.Add(1)
	return e.running.Done, nil
}

// start begins a call to a server and finds its dialect.
func (e *Engine) start(ctx context.Context) (d Dialect, end func(), err error) {
	if end, err = e.begin(ctx); err != nil {
		return Auto, nil, err
	}
	if d, err = e.dialect(ctx); err != nil {
		end()
	}
	return d, end, err
}

// Close waits for the answers in progress and closes idle connections. Other users of a
// shared client only reconnect.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.running.Wait()
	e.http.CloseIdleConnections()
	return nil
}
