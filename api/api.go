// Package api serves La Plateforme's HTTP API, with the parts of OpenAI's API that its
// clients need, over any engine.Engine.
//
// The same handler serves a worker's Unix socket and `bise serve`. Package engine/remote is
// the client. Data beyond La Plateforme's fields (prompt progress, timings, messages left
// out) is sent where other clients ignore it: in comment lines of the event stream and in
// an object named "bise".
package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"time"

	"github.com/bise-sh/bise/engine"
)

// DefaultBodyLimit is the largest request body read when Config says nothing,
// in bytes: a handful of photographs, or any text that a model can hold.
const DefaultBodyLimit = 64 << 20

// DefaultQueue is how many requests may be here at once when Config says nothing.
const DefaultQueue = 256

// Config configures a handler.
type Config struct {
	// Open gives the engine of a model, by the name or alias a request has ("" when
	// it has none). It waits until the model is loaded or ctx is done, and may
	// call loading with the loaded share, 0 to 1, while it waits. The engine stays
	// the caller's: the handler does not close it. A name that nothing has is an
	// error of kind NotFound.
	Open func(ctx context.Context, model string, loading func(fraction float64)) (engine.Engine, error)
	// Default names the model for requests of a mode that name none. Nil, or "": Open gets "".
	Default func(ctx context.Context, mode Mode) (model string, err error)
	// KeepAlive sets how long a model stays in memory after its last request: 0 is not at all,
	// a negative time for ever. Nil: requests cannot set it.
	KeepAlive func(ctx context.Context, model string, d time.Duration) error
	// Models lists what can be opened. Nil: the one model that Info describes.
	Models func(context.Context) ([]Model, error)
	// Info describes a model without loading it. Nil: Open, then the Info of the engine.
	Info func(ctx context.Context, model string) (engine.Info, error)
	// Health is what keeps the server from answering at once, such as a model that
	// loads; nil, or an answer of nil, is health.
	Health func() error
	// Key, when set, is the bearer token that every request must carry, except to
	// open routes such as /health.
	Key string
	// KeyHashes are the SHA-256 of further keys that are accepted.
	KeyHashes [][sha256.Size]byte
	// Strict answers as La Plateforme does to what it does not know: fields of
	// others, foreign tool-call ids and orders of messages are refused instead of
	// understood, and the finish reason model_length is sent as it is.
	Strict bool
	// Queue is how many requests that a model has to answer may be here at once, waiting ones
	// included. Further ones are rejected. 0: DefaultQueue; negative: no limit.
	Queue int
	// Timeout is how long such a request may take; 0: no limit.
	Timeout time.Duration
	// BodyLimit is the largest request body, in bytes. 0: DefaultBodyLimit.
	BodyLimit int64
	// Families are other APIs to serve beside this one.
	Families []Family
	// Logger gets one line a request, without anything of its content. Nil: none.
	Logger *slog.Logger
}

// A Mode is what a request needs a model for.
type Mode string

// The modes, by the names that they have in [models] of config.toml.
const (
	ChatMode   Mode = "chat"
	CodeMode   Mode = "code" // fill in the middle
	VisionMode Mode = "vision"
	EmbedMode  Mode = "embed"
)

// ModeOf returns the mode of a conversation: VisionMode if it has images.
func ModeOf(messages []engine.Message) Mode {
	for _, m := range messages {
		for _, c := range m.Content {
			if c.Type == engine.ImageChunk {
				return VisionMode
			}
		}
	}
	return ChatMode
}

// Name returns the model for a request: the one that it names, or the default of its mode.
// It is "" if only Open knows.
func (c Config) Name(ctx context.Context, mode Mode, model string) (string, error) {
	if model != "" || c.Default == nil {
		return model, nil
	}
	return c.Default(ctx, mode)
}

// open opens the model for a request, and returns the name that answers have.
func (c Config) open(ctx context.Context, mode Mode, model string, loading func(float64)) (engine.Engine, string, error) {
	name, err := c.Name(ctx, mode, model)
	if err != nil {
		return nil, "", err
	}
	e, err := c.Open(ctx, name, loading)
	if err != nil {
		return nil, "", err
	}
	if name == "" {
		name = e.Info().Model
	}
	return e, name, nil
}

// A Model is an entry of /v1/models.
type Model struct {
	ID            string
	Aliases       []string
	Created       time.Time // of the file, so that it stays the same
	Description   string
	Can           engine.Capabilities
	ContextLength int       // tokens that a request can have here
	Temperature   *float64  // what a request without one gets, where it is known
	Loaded        bool      // in memory
	Memory        int64     // that it takes while it is loaded, in bytes; 0 if unknown
	Leaves        time.Time // when it leaves memory if it gets no request; zero: it stays
	Default       bool      // for requests that name none
}

// New makes the handler.
func New(c Config) http.Handler {
	c.BodyLimit = cmp.Or(c.BodyLimit, DefaultBodyLimit)
	c.Queue = cmp.Or(c.Queue, DefaultQueue)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return newServer(c)
}
