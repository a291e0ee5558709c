package api

import (
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

func (s *server) chat(w http.ResponseWriter, r *http.Request) error {
	var req engine.ChatRequest
	var names map[string]string
	g := generation{}
	err := s.read(w, r, func(o *object) {
		o.needModel()
		req = o.chat()
		g.stream, names = o.boolean("stream"), o.r.renamed
	})
	if err != nil {
		return err
	}
	g.model, g.choices = req.Model, req.Choices()
	if continued := prefix(req.Messages); continued != "" {
		g.echo = func(int) string { return continued }
	}
	g.run = func(ctx context.Context, e engine.Engine) iter.Seq2[engine.Event, error] {
		return rename(e.Chat(ctx, req), names)
	}
	return s.generate(w, r, g)
}

// rename gives parameters in errors the names that the request has for them.
func rename(events iter.Seq2[engine.Event, error], names map[string]string) iter.Seq2[engine.Event, error] {
	if len(names) == 0 {
		return events
	}
	return func(yield func(engine.Event, error) bool) {
		for ev, err := range events {
			if e, ok := errors.AsType[*fault.Error](err); ok && names[e.Param] != "" {
				named := *e
				named.Param = names[e.Param]
				err = &named
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

func (s *server) fim(w http.ResponseWriter, r *http.Request) error {
	var req engine.CompletionRequest
	g := generation{}
	err := s.read(w, r, func(o *object) {
		o.needModel()
		req = o.fim()
		g.stream = o.boolean("stream")
	})
	if err != nil {
		return err
	}
	g.model, g.choices = req.Model, req.Choices()
	g.run = func(ctx context.Context, e engine.Engine) iter.Seq2[engine.Event, error] { return e.Complete(ctx, req) }
	return s.generate(w, r, g)
}

func (s *server) completions(w http.ResponseWriter, r *http.Request) error {
	var reqs []engine.CompletionRequest
	g := generation{text: true}
	echo := false
	err := s.read(w, r, func(o *object) {
		reqs, echo = o.legacy()
		g.model, g.stream = o.string("model"), o.boolean("stream")
	})
	if err != nil {
		return err
	}
	n := reqs[0].Choices()
	if g.choices = n * len(reqs); g.choices > maxChoices {
		return newRefusal("n", "%d prompts with n %d: the limit is %d answers", len(reqs), n, maxChoices)
	}
	if echo {
		g.echo = func(choice int) string { return reqs[choice/n].Prompt }
	}
	g.run = func(ctx context.Context, e engine.Engine) iter.Seq2[engine.Event, error] {
		return completeAll(ctx, e, reqs)
	}
	return s.generate(w, r, g)
}

// completeAll answers several prompts as if they were choices of one.
func completeAll(ctx context.Context, e engine.Engine, reqs []engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		var sum engine.Done
		offset := 0
		for _, req := range reqs {
			for ev, err := range e.Complete(ctx, req) {
				if err != nil {
					yield(nil, err)
					return
				}
				switch v := ev.(type) {
				case engine.TextDelta:
					v.Choice += offset
					ev = v
				case engine.Finish:
					v.Choice += offset
					ev = v
				case engine.Done:
					addDone(&sum, v)
					continue
				}
				if !yield(ev, nil) {
					return
				}
			}
			offset += req.Choices()
		}
		yield(sum, nil)
	}
}

// addDone adds what a prompt took to what those before it took.
func addDone(sum *engine.Done, d engine.Done) {
	cached := sum.Usage.Cached() + d.Usage.Cached()
	if sum.Timings.Generated == 0 {
		sum.Timings.FirstToken = d.Timings.FirstToken
	}
	sum.Usage.PromptTokens += d.Usage.PromptTokens
	sum.Usage.CompletionTokens += d.Usage.CompletionTokens
	sum.Usage.TotalTokens += d.Usage.TotalTokens
	sum.Timings.Queue += d.Timings.Queue
	sum.Timings.Load += d.Timings.Load
	sum.Timings.Restore += d.Timings.Restore
	sum.Timings.Prefill += d.Timings.Prefill
	sum.Timings.Decode += d.Timings.Decode
	sum.Timings.Evaluated += d.Timings.Evaluated
	sum.Timings.Generated += d.Timings.Generated
	if cached > 0 {
		sum.Usage.PromptDetails = &engine.PromptTokensDetails{CachedTokens: cached}
	}
}

// tokenizeText is llama.cpp's tokenization of plain text.
func (s *server) tokenizeText(w http.ResponseWriter, r *http.Request) error {
	model, text, pieces := "", "", false
	err := s.read(w, r, func(o *object) {
		model, text, pieces = o.string("model"), o.needString("content"), o.boolean("with_pieces")
	})
	if err != nil {
		return err
	}
	tokens, err := s.tokens(r.Context(), model, engine.TokenizeRequest{Text: &text})
	if err != nil {
		return err
	}
	if !pieces {
		tokens.Pieces = nil
	}
	return WriteJSON(w, http.StatusOK, wire.NewTokens(tokens))
}

// tokenize gives the tokens of a text or of a whole request.
func (s *server) tokenize(w http.ResponseWriter, r *http.Request) error {
	model, req, given := "", engine.TokenizeRequest{}, 0
	err := s.read(w, r, func(o *object) {
		model = o.string("model")
		if v, ok := o.get("text"); ok {
			req.Text = new(v.string())
			given++
		}
		if v, ok := o.get("chat"); ok {
			if c, ok := v.object(); ok {
				req.Chat = new(c.chat())
				c.done()
			}
			given++
		}
		if v, ok := o.get("fim"); ok {
			if c, ok := v.object(); ok {
				req.FIM = new(c.fim())
				c.done()
			}
			given++
		}
	})
	if err != nil {
		return err
	}
	if given != 1 {
		return newRefusal("", "give exactly one of text, chat and fim: got %d", given)
	}
	tokens, err := s.tokens(r.Context(), model, req)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, wire.NewTokens(tokens))
}

func (s *server) tokens(ctx context.Context, model string, req engine.TokenizeRequest) (engine.Tokens, error) {
	eng, err := s.c.Open(ctx, model, func(float64) {})
	if err != nil {
		return engine.Tokens{}, err
	}
	return eng.Tokenize(ctx, req)
}

// info answers with everything the engine reports about a model.
func (s *server) info(w http.ResponseWriter, r *http.Request) error {
	info, err := s.describeModel(r.Context(), r.URL.Query().Get("model"))
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, info)
}

func (s *server) describeModel(ctx context.Context, model string) (engine.Info, error) {
	if s.c.Info != nil {
		return s.c.Info(ctx, model)
	}
	eng, err := s.c.Open(ctx, model, func(float64) {})
	if err != nil {
		return engine.Info{}, err
	}
	return eng.Info(), nil
}

// health reports whether requests are answered at once.
func (s *server) health(w http.ResponseWriter, _ *http.Request) error {
	if s.c.Health != nil {
		if err := s.c.Health(); err != nil {
			failure, class := describe(err)
			w.Header().Set("Retry-After", "1")
			class.Status = http.StatusServiceUnavailable
			return WriteJSON(w, class.Status, wire.NewEnvelope(failure, nil))
		}
	}
	return WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}
