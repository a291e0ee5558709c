package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"iter"
	"net/http"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// A generation is a decoded request for text.
type generation struct {
	mode    Mode   // what the request needs a model for
	model   string // as the request names it, or the default
	stream  bool
	keep    *time.Duration // how long the model stays in memory afterwards; nil: not said
	text    bool           // in the shape of legacy completions
	choices int
	// echo is the text that a choice's answer begins with before the engine's: the
	// prefix that it continues, or a legacy prompt. Nil: none.
	echo func(choice int) string
	// scores are the logprobs of the prompts of legacy completions, which have each choices;
	// logprobs says that choices have some, if only an empty list.
	scores   [][]engine.Logprob
	each     int
	logprobs bool
	run      func(context.Context, engine.Engine) iter.Seq2[engine.Event, error]
}

// template is an answer with everything but its choices.
func (g *generation) template() wire.Answer {
	a := wire.Answer{ID: newID(), Object: wire.Completion, Created: time.Now().Unix(), Model: g.model, Choices: []wire.Choice{}}
	switch {
	case g.text:
		a.Object = wire.TextCompletion
	case g.stream:
		a.Object = wire.CompletionChunk
	}
	return a
}

func (g *generation) echoOf(choice int) string {
	if g.echo == nil {
		return ""
	}
	return g.echo(choice)
}

// promptOf is the logprobs of the prompt that a choice answers.
func (g *generation) promptOf(choice int) []engine.Logprob {
	if g.each == 0 || choice/g.each >= len(g.scores) {
		return nil
	}
	return g.scores[choice/g.each]
}

// legacyLogprobs are those of tokens of a choice; with the prompt's before them if they are
// its first.
func (g *generation) legacyLogprobs(choice int, tokens []engine.Logprob, first bool) *wire.Logprobs {
	switch {
	case !g.logprobs:
		return nil
	case !first:
		return wire.NewLegacyLogprobs(tokens)
	}
	return wire.NewEchoLogprobs(g.promptOf(choice), tokens)
}

// newID returns an id like La Plateforme's: 32 hexadecimal digits.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// generate answers a request for text, whole or as a stream.
func (s *server) generate(w http.ResponseWriter, r *http.Request, g *generation) error {
	var err error
	if g.model, err = s.c.Name(r.Context(), g.mode, g.model); err != nil {
		return err
	}
	if err := s.keep(r.Context(), g.model, g.keep); err != nil {
		return err
	}
	if g.stream {
		return s.generateStream(w, r, g)
	}
	eng, name, err := s.c.open(r.Context(), g.mode, g.model, func(float64) {})
	if err != nil {
		return err
	}
	g.model = name
	whole := newWhole(g, s.c.Strict)
	for ev, err := range g.run(r.Context(), eng) {
		if err != nil {
			return err
		}
		if err := whole.add(ev); err != nil {
			return err
		}
	}
	answer, err := whole.answer()
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, answer)
}

// keep sets how long a model stays in memory, where a request says so.
func (s *server) keep(ctx context.Context, model string, d *time.Duration) error {
	if d == nil || s.c.KeepAlive == nil {
		return nil
	}
	return s.c.KeepAlive(ctx, model, *d)
}

// generateStream answers with an event stream. An error is returned if the response has
// not begun; a later one becomes an event.
func (s *server) generateStream(w http.ResponseWriter, r *http.Request, g *generation) error {
	out := newOutbox(w, EventStream)
	defer out.close()
	stream := newStream(g, out, s.c.Strict)
	err := s.feed(r.Context(), g, stream)
	if err == nil {
		return nil
	}
	if !stream.begun && out.cancel() {
		return err
	}
	logFailure(w, err)
	stream.fail(err)
	return nil
}

// feed runs a generation into a stream.
func (s *server) feed(ctx context.Context, g *generation, stream *stream) error {
	eng, name, err := s.c.open(ctx, g.mode, g.model, func(fraction float64) { stream.comment(engine.Loading{Fraction: fraction}) })
	if err != nil {
		return err
	}
	stream.head.Model = name
	for ev, err := range g.run(ctx, eng) {
		if err != nil {
			return err
		}
		listening, err := stream.add(ev)
		if err != nil || !listening {
			return err
		}
	}
	return stream.end()
}

// finishReason returns a reason that clients of OpenAI know, and the engine's reason if
// that is another.
func finishReason(reason engine.FinishReason, strict bool) (public *engine.FinishReason, original engine.FinishReason) {
	switch {
	case strict:
	case reason == engine.FinishModelLength:
		return new(engine.FinishLength), reason
	case reason == engine.FinishRefusal: // beside the field refusal
		return new(engine.FinishStop), reason
	}
	return &reason, ""
}

// errStray reports an engine whose events have a wrong choice or no end.
func errStray(what string) error {
	return fault.Errorf(fault.Internal, "the engine's answer %s", what)
}
