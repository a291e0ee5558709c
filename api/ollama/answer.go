package ollama

import (
	"context"
	"net/http"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// A line is an answer, or the next piece of it.
type line struct {
	Model     string         `json:"model"`
	CreatedAt time.Time      `json:"created_at"`
	Message   *message       `json:"message,omitempty"`  // of chat
	Response  *string        `json:"response,omitempty"` // of generate
	Thinking  string         `json:"thinking,omitempty"`
	Logprobs  []wire.Logprob `json:"logprobs,omitempty"`
	Done      bool           `json:"done"`
	stats
}

// An answer writes the lines of chat or of generate.
type answer struct {
	*dialect.Stream // nil: the answer is sent whole
	model           string
	talk            bool // the lines are those of chat
	began           time.Time
	calls           int
}

func (s *server) chat(w http.ResponseWriter, r *http.Request) error {
	var body chatRequest
	if err := dialect.ReadJSON(s.c, w, r, &body); err != nil {
		return err
	}
	req, err := body.chat()
	if err != nil {
		return err
	}
	if err := s.c.CheckSchemas(r.Context(), w, &req, "format"); err != nil {
		return err
	}
	name, err := s.c.Name(r.Context(), api.ModeOf(req.Messages), body.Model)
	if err != nil {
		return err
	}
	a := &answer{model: name, talk: true, began: time.Now()}
	if len(req.Messages) == 0 {
		return s.load(w, r, &body.common, a)
	}
	return s.answer(w, r, &body.common, a, chatting(req))
}

func (s *server) generate(w http.ResponseWriter, r *http.Request) error {
	var body generateRequest
	if err := dialect.ReadJSON(s.c, w, r, &body); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	name, err := s.c.Name(r.Context(), body.mode(), body.Model)
	if err != nil {
		return err
	}
	a := &answer{model: name, began: time.Now()}
	switch {
	case body.Prompt == "" && body.Suffix == "" && len(body.Images) == 0:
		return s.load(w, r, &body.common, a)
	case body.Raw, body.Suffix != "":
		req := engine.CompletionRequest{Model: body.Model, Prompt: body.Prompt, Suffix: body.Suffix, Sampling: body.sampling()}
		return s.answer(w, r, &body.common, a, func(ctx context.Context, e engine.Engine, l dialect.Listener) (*dialect.Answer, error) {
			return dialect.Collect(e.Complete(ctx, req), l)
		})
	}
	req, err := body.chat()
	if err == nil {
		err = s.c.CheckSchemas(r.Context(), w, &req, "format")
	}
	if err != nil {
		return err
	}
	return s.answer(w, r, &body.common, a, chatting(req))
}

// run is a request to an engine.
type run func(context.Context, engine.Engine, dialect.Listener) (*dialect.Answer, error)

// chatting answers a conversation. To ask a model for thoughts that has none is an error, as
// Ollama has it.
func chatting(req engine.ChatRequest) run {
	return func(ctx context.Context, e engine.Engine, l dialect.Listener) (*dialect.Answer, error) {
		if think := req.ReasoningEffort; think != "" && think != "none" && !e.Info().Can.Thinking {
			return nil, dialect.Unsupported("think", "%q does not support thinking", req.Model)
		}
		return dialect.Chat(ctx, e, req, l)
	}
}

// load answers a request without a prompt, which loads the model, or unloads it if it asks to
// keep it for no time.
func (s *server) load(w http.ResponseWriter, r *http.Request, c *common, a *answer) error {
	last := a.line("", "")
	last.Done, last.DoneReason = true, "load"
	if c.KeepAlive.given && c.KeepAlive.Duration == 0 {
		last.DoneReason = "unload"
		if _, err := s.info(r.Context(), a.model); err != nil {
			return err
		}
	} else {
		e, err := s.c.Open(r.Context(), a.model, func(float64) {})
		if err != nil {
			return err
		}
		// Only an answer says that the model is loaded.
		if _, err := e.Tokenize(r.Context(), engine.TokenizeRequest{Text: new("")}); err != nil && fault.KindOf(err) != fault.Unsupported {
			return err
		}
	}
	if err := s.keep(r.Context(), c, a.model); err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, last)
}

// keep sets how long the model stays loaded.
func (s *server) keep(ctx context.Context, c *common, model string) error {
	if !c.KeepAlive.given || s.c.KeepAlive == nil {
		return nil
	}
	return s.c.KeepAlive(ctx, model, c.KeepAlive.Duration)
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, c *common, a *answer, ask run) error {
	work := func(l dialect.Listener) (*dialect.Answer, error) {
		e, err := s.c.Open(r.Context(), a.model, func(float64) {})
		if err != nil {
			return nil, err
		}
		all, err := ask(r.Context(), e, l)
		if err != nil || all == nil {
			return nil, err
		}
		return all, s.keep(r.Context(), c, a.model) // the time begins now
	}
	if !c.streams() {
		all, err := work(nil)
		if err != nil {
			return err
		}
		return api.WriteJSON(w, http.StatusOK, a.whole(all))
	}
	return dialect.Streaming(w, api.JSONLines, func(out *dialect.Stream) error {
		a.Stream = out
		all, err := work(a)
		if err != nil || all == nil {
			return err
		}
		last := a.line("", "")
		a.end(&last, all)
		out.Line(last)
		return nil
	}, func(out *dialect.Stream, err *fault.Error) { out.Line(failure{dialect.Message(err)}) })
}

// line is a piece of the answer.
func (a *answer) line(text, thinking string) line {
	l := line{Model: a.model, CreatedAt: time.Now().UTC()}
	if a.talk {
		l.Message = &message{Role: "assistant", Content: text, Thinking: thinking}
	} else {
		l.Response, l.Thinking = &text, thinking
	}
	return l
}

// whole is an answer that is sent at once.
func (a *answer) whole(all *dialect.Answer) line {
	l := a.line(all.Join(dialect.Text), all.Join(dialect.Thinking))
	for i := range all.Blocks {
		b := &all.Blocks[i]
		l.Logprobs = append(l.Logprobs, logprobsOf(b.Logprobs)...)
		if b.Kind == dialect.Call && a.talk {
			l.Message.ToolCalls = append(l.Message.ToolCalls, a.call(b))
		}
	}
	a.end(&l, all)
	return l
}

func (a *answer) call(b *dialect.Block) call {
	k := call{ID: dialect.PublicID("call_", b.Call.ID)}
	k.Function.Index, k.Function.Name = a.calls, b.Call.Function.Name
	k.Function.Arguments = dialect.Object(b.Call.Function.Arguments)
	a.calls++
	return k
}

func logprobsOf(tokens []engine.Logprob) []wire.Logprob {
	if l := wire.NewLogprobs(tokens); l != nil {
		return l.Content
	}
	return nil
}

// end sets what is known when the answer is whole.
func (a *answer) end(l *line, all *dialect.Answer) {
	reason := "stop"
	if r := all.Finish.Reason; r == engine.FinishLength || r == engine.FinishModelLength {
		reason = "length"
	}
	l.Done = true
	l.stats = stats{
		reason, time.Since(a.began), all.Timings.Load,
		all.Usage.PromptTokens, all.Timings.Prefill, all.Usage.CompletionTokens, all.Timings.Decode,
	}
}

// Open sends a call; text comes with Grow.
func (a *answer) Open(_ int, b *dialect.Block) {
	if b.Kind == dialect.Call && a.talk {
		l := a.line("", "")
		l.Message.ToolCalls = []call{a.call(b)}
		a.Line(l)
	}
}

func (a *answer) Grow(_ int, b *dialect.Block, text string, logprobs []engine.Logprob) {
	l := a.line(text, "")
	if b.Kind == dialect.Thinking {
		l = a.line("", text)
	}
	l.Logprobs = logprobsOf(logprobs)
	a.Line(l)
}

// Close is a part of [dialect.Listener]: lines have no ends of blocks.
func (a *answer) Close(int, *dialect.Block) {}
