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
	g := &generation{}
	err := s.read(w, r, func(o *object) {
		o.needModel()
		req = o.chat()
		g.stream, g.keep, names = o.boolean("stream"), o.r.keep, o.r.renamed
	})
	if err != nil {
		return err
	}
	if err := s.c.CheckSchemas(r.Context(), w, &req, "response_format"); err != nil {
		return err
	}
	g.mode, g.model, g.choices = ModeOf(req.Messages), req.Model, req.Choices()
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
	g := &generation{}
	err := s.read(w, r, func(o *object) {
		o.needModel()
		req = o.fim()
		g.stream, g.keep = o.boolean("stream"), o.r.keep
	})
	if err != nil {
		return err
	}
	g.mode, g.model, g.choices = CodeMode, req.Model, req.Choices()
	g.run = func(ctx context.Context, e engine.Engine) iter.Seq2[engine.Event, error] { return e.Complete(ctx, req) }
	return s.generate(w, r, g)
}

func (s *server) completions(w http.ResponseWriter, r *http.Request) error {
	var reqs []engine.CompletionRequest
	g := &generation{text: true}
	echo := false
	err := s.read(w, r, func(o *object) {
		reqs, echo = o.legacy()
		g.model, g.stream, g.keep = o.string("model"), o.boolean("stream"), o.r.keep
	})
	if err != nil {
		return err
	}
	n := reqs[0].Choices()
	g.each, g.logprobs = n, reqs[0].Logprobs
	if g.mode = ChatMode; reqs[0].Suffix != "" {
		g.mode = CodeMode
	}
	if g.choices = n * len(reqs); g.choices > maxChoices {
		return newRefusal("n", "%d prompts with n %d: the limit is %d answers", len(reqs), n, maxChoices)
	}
	if echo {
		g.echo = func(choice int) string {
			if p := reqs[choice/n].Prompt; p != "" {
				return p
			}
			return wire.Text(g.promptOf(choice))
		}
	}
	for i := range reqs {
		// The text of a prompt of token ids comes with their logprobs.
		reqs[i].PromptLogprobs = echo && (g.logprobs || len(reqs[i].Tokens) > 0)
	}
	g.run = func(ctx context.Context, e engine.Engine) iter.Seq2[engine.Event, error] {
		return g.completeAll(ctx, e, reqs)
	}
	return s.generate(w, r, g)
}

// completeAll answers several prompts as if they were choices of one. It keeps the logprobs of
// the prompts.
func (g *generation) completeAll(ctx context.Context, e engine.Engine, reqs []engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		var sum engine.Done
		offset := 0
		for _, req := range reqs {
			g.scores = append(g.scores, nil)
			for ev, err := range e.Complete(ctx, req) {
				if err != nil {
					yield(nil, err)
					return
				}
				switch v := ev.(type) {
				case engine.PromptLogprobs:
					last := len(g.scores) - 1
					g.scores[last] = append(g.scores[last], v.Tokens...)
					continue
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
