// Package remote keeps the engine contract over HTTP: with another bise (whose
// worker processes speak the same API), La Plateforme, vLLM, or any server that
// speaks OpenAI's API.
//
// An [Engine] may be called from any goroutine. It holds no more than idle
// connections.
package remote

import (
	"context"
	"iter"
	"net/http"

	"github.com/bise-sh/bise/engine"
)

// A Dialect is the way a server speaks the API.
type Dialect string

const (
	// Auto is found out: La Plateforme by its host, bise by asking, else OpenAI.
	Auto Dialect = ""
	// Bise loses nothing: every event comes back as the server's engine made it.
	Bise Dialect = "bise"
	// Plateforme is Mistral's hosted API.
	Plateforme Dialect = "plateforme"
	// OpenAI is what vLLM, llama.cpp and most others speak.
	OpenAI Dialect = "openai"
)

// Config says which server and model.
type Config struct {
	URL     string // http://host:port, with or without the trailing /v1
	Key     string // bearer token; "": none is sent
	Model   string // sent with each request
	Dialect Dialect
	// HTTP makes the requests. Nil: a client of its own. For a worker's socket, see
	// [Unix].
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
type Engine struct{ c Config }

var _ engine.Engine = (*Engine)(nil)

// New makes an engine of a model on a server. It does not connect yet.
func New(c Config) (*Engine, error) { return &Engine{c: c}, nil }

// Unix is a client whose connections all go to a unix socket, whatever host a URL
// names.
func Unix(socket string) *http.Client { return &http.Client{} }

// Info describes the model as far as the server tells.
func (e *Engine) Info() engine.Info { return engine.Info{Model: e.c.Model} }

// Chat answers a conversation.
func (e *Engine) Chat(ctx context.Context, req engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		yield(nil, engine.Errorf(engine.Unsupported, "not yet"))
	}
}

// Complete continues a text or fills in the middle.
func (e *Engine) Complete(ctx context.Context, req engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		yield(nil, engine.Errorf(engine.Unsupported, "not yet"))
	}
}

// Embed turns texts into vectors.
func (e *Engine) Embed(ctx context.Context, req engine.EmbedRequest) (engine.Embeddings, error) {
	return engine.Embeddings{}, engine.Errorf(engine.Unsupported, "not yet")
}

// Tokenize gives token ids; only another bise can.
func (e *Engine) Tokenize(ctx context.Context, req engine.TokenizeRequest) (engine.Tokens, error) {
	return engine.Tokens{}, engine.Errorf(engine.Unsupported, "not yet")
}

// Close waits for the answers being read and lets go of the connections.
func (e *Engine) Close() error { return nil }
