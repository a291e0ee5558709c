package enginetest

import (
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
)

// A mutant is a script that breaks the contract in one way. The zero functions
// leave everything as it is.
type mutant struct {
	Script
	request  func(*engine.Sampling)
	chat     func(*engine.ChatRequest)
	complete func(*engine.CompletionRequest)
	events   func(seq iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error]
	context  func(context.Context) context.Context
	tokens   func(engine.Tokens) engine.Tokens
	vectors  func(engine.EmbedRequest, engine.Embeddings) engine.Embeddings
	close    func() error
}

func (m *mutant) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	if m.request != nil {
		m.request(&r.Sampling)
	}
	if m.chat != nil {
		m.chat(&r)
	}
	if m.context != nil {
		ctx = m.context(ctx)
	}
	seq := m.Script.Chat(ctx, r)
	if m.events != nil {
		seq = m.events(seq)
	}
	return seq
}

func (m *mutant) Complete(ctx context.Context, r engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	if m.complete != nil {
		m.complete(&r)
	}
	return m.Script.Complete(ctx, r)
}

func (m *mutant) Tokenize(ctx context.Context, r engine.TokenizeRequest) (engine.Tokens, error) {
	got, err := m.Script.Tokenize(ctx, r)
	if m.tokens != nil {
		got = m.tokens(got)
	}
	return got, err
}

func (m *mutant) Embed(ctx context.Context, r engine.EmbedRequest) (engine.Embeddings, error) {
	got, err := m.Script.Embed(ctx, r)
	if m.vectors != nil && err == nil {
		got = m.vectors(r, got)
	}
	return got, err
}

func (m *mutant) Close() error {
	if m.close != nil {
		return m.close()
	}
	return m.Script.Close()
}

// eachEvent makes a mutant's events of a function that gives those to send in the
// place of one.
func eachEvent(change func(engine.Event) []engine.Event) func(iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
	return func(seq iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
		return func(yield func(engine.Event, error) bool) {
			for e, err := range seq {
				if err != nil {
					yield(nil, err)
					return
				}
				for _, e := range change(e) {
					if !yield(e, nil) {
						return
					}
				}
			}
		}
	}
}

// mutants are ways to break the contract, by the subtest that has to see it.
var mutants = map[string]func() *mutant{
	"info": func() *mutant { return &mutant{Script: Script{About: engine.Info{Parameters: -1}}} },
	"order": func() *mutant {
		return &mutant{events: eachEvent(func(e engine.Event) []engine.Event {
			if _, ok := e.(engine.Done); ok {
				return []engine.Event{e, e}
			}
			return []engine.Event{e}
		})}
	},
	"greedy": func() *mutant {
		return &mutant{request: func(s *engine.Sampling) { s.Temperature = new(1.0) }}
	},
	"again": func() *mutant {
		used := false
		return &mutant{events: func(seq iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
			return func(yield func(engine.Event, error) bool) {
				if used {
					yield(nil, errors.New("only once"))
					return
				}
				used = true
				seq(yield)
				used = false
			}
		}, request: func(s *engine.Sampling) { s.Seed = nil; s.Temperature = new(1.0) }}
	},
	"streaming": func() *mutant {
		return &mutant{events: func(seq iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
			return func(yield func(engine.Event, error) bool) {
				a, err := Collect(seq)
				if err != nil {
					yield(nil, err)
					return
				}
				for i, text := range a.Texts {
					if text != "" && !yield(engine.TextDelta{Choice: i, Text: text, Logprobs: a.Logprobs[i]}, nil) || !yield(engine.Finish{Choice: i, Reason: a.Reasons[i]}, nil) {
						return
					}
				}
				yield(engine.Done{Usage: a.Usage}, nil)
			}
		}}
	},
	"cancel":    func() *mutant { return &mutant{context: context.WithoutCancel} },
	"cancelled": func() *mutant { return &mutant{context: context.WithoutCancel} },
	"leave": func() *mutant {
		gone := false
		return &mutant{events: func(seq iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
			return func(yield func(engine.Event, error) bool) {
				if gone {
					yield(nil, errors.New("still talking"))
					return
				}
				for e, err := range seq {
					if !yield(e, err) {
						gone = err == nil
						return
					}
				}
			}
		}}
	},
	"length": func() *mutant {
		return &mutant{request: func(s *engine.Sampling) { s.MaxTokens = new(valueOr(s.MaxTokens, 0) + 1) }}
	},
	"min-tokens": func() *mutant { return &mutant{request: func(s *engine.Sampling) { s.MinTokens = 0 }} },
	"stop":       func() *mutant { return &mutant{request: func(s *engine.Sampling) { s.Stop = nil }} },
	"stop-several": func() *mutant {
		return &mutant{request: func(s *engine.Sampling) { s.Stop = s.Stop[:min(1, len(s.Stop))] }}
	},
	"stop-unmatched": func() *mutant {
		return &mutant{request: func(s *engine.Sampling) {
			for i := range s.Stop {
				s.Stop = append(s.Stop, s.Stop[i][:1])
			}
		}}
	},
	"usage": func() *mutant {
		return &mutant{events: eachEvent(func(e engine.Event) []engine.Event {
			if d, ok := e.(engine.Done); ok {
				d.Usage.TotalTokens++
				e = d
			}
			return []engine.Event{e}
		})}
	},
	"cache": func() *mutant {
		return &mutant{events: eachEvent(func(e engine.Event) []engine.Event {
			if d, ok := e.(engine.Done); ok {
				d.Usage.PromptDetails = nil
				e = d
			}
			return []engine.Event{e}
		})}
	},
	"seeds":   func() *mutant { return &mutant{request: func(s *engine.Sampling) { s.Seed = new(int64(1)) }} },
	"choices": func() *mutant { return &mutant{request: func(s *engine.Sampling) { s.N = min(s.N, 2) }} },
	"settings": func() *mutant {
		return &mutant{request: func(s *engine.Sampling) {
			if s.TopP != nil {
				s.Temperature = new(1.0)
			}
		}}
	},
	"logprobs": func() *mutant {
		return &mutant{request: func(s *engine.Sampling) { s.TopLogprobs = min(s.TopLogprobs, 4) }}
	},
	"prompt-logprobs": func() *mutant {
		return &mutant{complete: func(r *engine.CompletionRequest) { r.TopLogprobs = min(r.TopLogprobs, 1) }}
	},
	"logit-bias": func() *mutant { return &mutant{request: func(s *engine.Sampling) { s.LogitBias = nil }} },
	"half-runes": func() *mutant {
		return &mutant{events: eachEvent(func(e engine.Event) []engine.Event {
			if d, ok := e.(engine.TextDelta); ok && len(d.Text) > 1 {
				rest := d
				d.Text, rest.Text = d.Text[:1], d.Text[1:]
				return []engine.Event{d, rest}
			}
			return []engine.Event{e}
		})}
	},
	"grammar":     func() *mutant { return &mutant{request: func(s *engine.Sampling) { s.Grammar = "" }} },
	"json-object": func() *mutant { return &mutant{chat: func(r *engine.ChatRequest) { r.ResponseFormat = nil }} },
	"json-schema": func() *mutant {
		return &mutant{chat: func(r *engine.ChatRequest) {
			if r.ResponseFormat != nil {
				r.ResponseFormat = &engine.ResponseFormat{Type: "json_object"}
			}
		}}
	},
	"tools": func() *mutant {
		return &mutant{chat: func(r *engine.ChatRequest) { r.ToolChoice = engine.ToolChoice{} }}
	},
	"prefix": func() *mutant {
		return &mutant{chat: func(r *engine.ChatRequest) {
			for i := range r.Messages {
				r.Messages[i].Prefix = false
			}
		}}
	},
	"invalid": func() *mutant { return &mutant{request: func(s *engine.Sampling) { s.TopP = nil }} },
	"unsupported": func() *mutant {
		return &mutant{chat: func(r *engine.ChatRequest) {
			for i := range r.Messages {
				r.Messages[i].Content = engine.Text(r.Messages[i].Content.Plain())
			}
		}}
	},
	"too-long": func() *mutant {
		return &mutant{chat: func(r *engine.ChatRequest) {
			for i := range r.Messages {
				text := r.Messages[i].Content.Plain()
				r.Messages[i].Content = engine.Text(text[:min(len(text), 100)])
			}
		}}
	},
	"drop-oldest": func() *mutant {
		return &mutant{events: eachEvent(func(e engine.Event) []engine.Event {
			if _, ok := e.(engine.LeftOut); ok {
				return nil
			}
			return []engine.Event{e}
		})}
	},
	"hostile": func() *mutant {
		return &mutant{chat: func(r *engine.ChatRequest) {
			if strings.Contains(r.Messages[0].Content.Plain(), "\x00") {
				panic("a text with NUL")
			}
		}}
	},
	"tokenize-special": func() *mutant {
		return &mutant{tokens: func(t engine.Tokens) engine.Tokens {
			t.IDs = slices.DeleteFunc(t.IDs, func(id int32) bool { return id == EndToken })
			return t
		}}
	},
	"tokenize": func() *mutant {
		return &mutant{tokens: func(t engine.Tokens) engine.Tokens {
			for i, p := range t.Pieces {
				t.Pieces[i] = strings.TrimSpace(p)
			}
			return t
		}}
	},
	"tokenize-request": func() *mutant {
		return &mutant{tokens: func(t engine.Tokens) engine.Tokens {
			if len(t.IDs) > 0 && t.IDs[0] == idBOS {
				t.IDs, t.Pieces = t.IDs[1:], t.Pieces[1:]
			}
			return t
		}}
	},
	"embed": func() *mutant {
		return &mutant{vectors: func(r engine.EmbedRequest, e engine.Embeddings) engine.Embeddings {
			if r.Dimension > 0 {
				e.Vectors[0][0] *= 2
			}
			return e
		}}
	},
	"close-waits": func() *mutant {
		m := &mutant{}
		ctx, cancel := context.WithCancelCause(context.Background())
		m.context = func(context.Context) context.Context { return ctx }
		m.close = func() error {
			cancel(errors.New("closed"))
			return m.Script.Close()
		}
		return m
	},
	"close": func() *mutant { return &mutant{close: func() error { return nil }} },
}

// TestMutant runs the suite on one mutant, in a process of its own because the
// suite has to fail.
func TestMutant(t *testing.T) {
	name := os.Getenv("ENGINETEST_MUTANT")
	if name == "" {
		t.Skip("run by TestRunSeesMutants")
	}
	Run(t, Suite{Open: func(*testing.T) engine.Engine { return mutants[name]() }, EndToken: EndToken})
}

func TestRunSeesMutants(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestMutant$/^"+name+"$", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), "ENGINETEST_MUTANT="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "TestMutant/"+name) {
				t.Errorf("the suite does not see it: %v\n%s", err, out)
			}
		})
	}
}
