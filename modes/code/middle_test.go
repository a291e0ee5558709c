package code

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

// middle is an engine in the manner of models that read the prefix first: tokens
// are bytes, and 1000, 1001 and 1002 the control tokens.
type middle struct {
	*enginetest.Script
	asked func(engine.CompletionRequest)
}

func (m middle) Complete(ctx context.Context, r engine.CompletionRequest) iter.Seq2[engine.Event, error] {
	m.asked(r)
	return m.Script.Complete(ctx, engine.CompletionRequest{Prompt: "x"})
}

func (m middle) Tokenize(_ context.Context, r engine.TokenizeRequest) (t engine.Tokens, _ error) {
	add := func(text string) {
		for _, b := range []byte(text) {
			t.IDs, t.Pieces = append(t.IDs, int32(b)), append(t.Pieces, string(b))
		}
	}
	if r.Text != nil {
		add(*r.Text)
		return t, nil
	}
	for i, text := range []string{r.FIM.Prompt, r.FIM.Suffix, ""} {
		t.IDs, t.Pieces = append(t.IDs, 1000+int32(i)), append(t.Pieces, "<control>")
		add(text)
	}
	return t, nil
}

// TestKeystrokeWithPrefixFirst checks that also where the gap's token comes last,
// the prompt of the next key is the one before and that key.
func TestKeystrokeWithPrefixFirst(t *testing.T) {
	script := enginetest.Says("z")
	var asked []engine.CompletionRequest
	s := session(t, middle{Script: script, asked: func(r engine.CompletionRequest) { asked = append(asked, r) }}, Options{})
	for _, text := range []string{"func f() {\n\tx¦\n}\n", "func f() {\n\txy¦\n}\n", "func f() {\n\txy\n\tq¦\n}\n"} {
		complete(t, s, at(t, "f.go", text))
	}
	var last []int32
	for i, r := range asked {
		if len(r.Tokens) <= len(last) || !slices.Equal(r.Tokens[:len(last)], last) {
			t.Errorf("key %d: tokens %v after %v", i, r.Tokens, last)
		}
		last = r.Tokens
	}
}
