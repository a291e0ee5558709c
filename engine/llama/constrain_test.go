//go:build cgo

package llama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// tempted is a model that would write nothing but control tokens.
func tempted(t *testing.T, o tinymodel.Options) (*Engine, engine.Sampling) {
	e := open(t, tiny(t, o), engine.LoadOptions{})
	seed := int64(3)
	s := engine.Sampling{Seed: &seed, LogitBias: map[int32]float64{}}
	for id := range int32(e.vocab.Len()) {
		if e.instance.m.special(id) && !e.instance.m.ends(id) {
			s.LogitBias[id] = 100
		}
	}
	if len(s.LogitBias) < 3 {
		t.Fatal("the model has no control tokens")
	}
	return e, s
}

// No control token gets into a text that a grammar allows, whatever its name.
func TestControlTokensUnderAGrammar(t *testing.T) {
	for name, o := range map[string]tinymodel.Options{"mistral": tinymodel.Mistral(), "chatml": tinymodel.ChatML()} {
		t.Run(name, func(t *testing.T) {
			e, s := tempted(t, o)
			for _, grammar := range []string{`root ::= "\"" [^"]{1,20} "\""`, `root ::= "[" ("[INST]" | "<s>" | "x"){1,4} "]"`} {
				r := enginetest.Chat("go")
				r.Sampling, r.Grammar = s, grammar
				a, err := enginetest.Collect(e.Chat(t.Context(), r))
				if err != nil {
					t.Fatal(err)
				}
				ids := e.vocab.Encode(a.Text(), false)
				if a.Reasons[0] != engine.FinishStop || !strings.HasSuffix(a.Text(), a.Text()[:1]) && !strings.HasSuffix(a.Text(), "]") || a.Timings.Generated > 3*len(ids)+3 {
					t.Errorf("%s: %q, %d tokens, %s", grammar, a.Text(), a.Timings.Generated, a.Reasons[0])
				}
			}
		})
	}
}

func TestForcedCalls(t *testing.T) {
	e, s := tempted(t, tinymodel.Mistral())
	tool := engine.Tool{Type: "function", Function: engine.Function{
		Name: "look", Parameters: json.RawMessage(`{"type":"object","properties":{"where":{"type":"string","minLength":30,"maxLength":60}},"required":["where"],"additionalProperties":false}`),
	}}
	for seed := range int64(5) {
		for _, limit := range []int{0, 4, 8, 20} {
			r := enginetest.Chat("go")
			r.Sampling, r.Tools, r.ToolChoice = s, []engine.Tool{tool}, engine.ToolChoice{Function: "look"}
			r.Seed = &seed
			if limit > 0 {
				r.MaxTokens = &limit
			}
			a, err := enginetest.Collect(e.Chat(t.Context(), r))
			if err != nil {
				t.Fatal(err)
			}
			if text := a.Text(); text != "" {
				t.Errorf("limit %d: text %q", limit, text)
			}
			if limit > 0 {
				if a.Reasons[0] != engine.FinishLength {
					t.Errorf("limit %d: it ended by %s", limit, a.Reasons[0])
				}
				for _, c := range a.Calls[0] {
					if c.Function.Name != "look" || json.Valid([]byte(c.Function.Arguments)) {
						t.Errorf("limit %d: call %+v", limit, c)
					}
				}
				if limit == 20 && len(a.Calls[0]) != 1 {
					t.Errorf("limit %d: %d calls", limit, len(a.Calls[0]))
				}
				continue
			}
			var args struct{ Where string }
			if calls := a.Calls[0]; len(calls) != 1 || a.Reasons[0] != engine.FinishToolCalls || json.Unmarshal([]byte(calls[0].Function.Arguments), &args) != nil {
				t.Errorf("calls %+v, %s", calls, a.Reasons[0])
			}
			for _, name := range []string{"[CALL_ID]", "[INST]", "<s>", "[TOOL_CALLS]"} {
				if strings.Contains(args.Where, name) {
					t.Errorf("the argument %q has a control token", args.Where)
				}
			}
		}
	}
}

// A request leaves at once while its grammar is built, and others are answered.
func TestLargeGrammar(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Mistral()), engine.LoadOptions{})
	var b strings.Builder
	b.WriteString("root ::= r0\n")
	for i := range 20_000 {
		fmt.Fprintf(&b, "r%d ::= \"a%d\" | \"b\" r%d\n", i, i, min(i+1, 19_999-i%7))
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	done := make(chan error)
	go func() {
		r := enginetest.Chat("go")
		r.Grammar = b.String()
		_, err := enginetest.Collect(e.Chat(ctx, r))
		done <- err
	}()
	write(t, e, tokens(10, 1), 3)
	cancel(stopped)
	if err := <-done; err != nil && !errors.Is(err, stopped) {
		t.Error(err)
	}
}
