package fim

import (
	"context"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// middle is an engine in the manner of models that read the prefix first: tokens
// are bytes, and 1000, 1001 and 1002 the control tokens.
type middle struct {
	*enginetest.Script
	space bool // before each text, as SentencePiece has it
	mute  bool // tells no tokens
}

func (m middle) Tokenize(_ context.Context, r engine.TokenizeRequest) (engine.Tokens, error) {
	if m.mute {
		return engine.Tokens{}, &fault.Error{Kind: fault.Unsupported, Msg: "tells no tokens"}
	}
	var t engine.Tokens
	add := func(s string) {
		for _, b := range []byte(s) {
			t.IDs, t.Pieces = append(t.IDs, int32(b)), append(t.Pieces, string(b))
		}
	}
	control := func(id int32) { t.IDs, t.Pieces = append(t.IDs, id), append(t.Pieces, "<control>") }
	if r.Text != nil {
		if m.space {
			add(" ")
		}
		add(*r.Text)
		return t, nil
	}
	control(1000)
	add(r.FIM.Prompt)
	control(1001)
	add(r.FIM.Suffix)
	control(1002)
	return t, nil
}

func TestLayout(t *testing.T) {
	script := enginetest.Says("x")
	gap := Input{Prefix: "ab\n", Begun: "c", Suffix: "d"}
	for _, tt := range []struct {
		name   string
		e      engine.Engine
		tokens string
	}{
		{"suffix first", script, ""},
		{"prefix first", middle{Script: script}, "<ab\n|d>c"},
		{"a space before texts", middle{Script: script, space: true}, ""},
		{"tells no tokens", middle{Script: script, mute: true}, ""},
	} {
		l, err := LayoutOf(t.Context(), tt.e)
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.Request(t.Context(), gap)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, id := range r.Tokens {
			if id >= 1000 {
				got.WriteByte("<|>"[id-1000])
			} else {
				got.WriteByte(byte(id))
			}
		}
		if got.String() != tt.tokens {
			t.Errorf("%s: tokens %q, want %q", tt.name, got.String(), tt.tokens)
		}
		if tt.tokens == "" && (r.Prompt != "ab\nc" || r.Suffix != "d") {
			t.Errorf("%s: prompt %q, suffix %q", tt.name, r.Prompt, r.Suffix)
		}
	}
}

func TestNoSuffix(t *testing.T) {
	l, err := LayoutOf(t.Context(), enginetest.Says("x"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Request(t.Context(), Input{Prefix: "a", Files: []File{{"b", "c"}}, Name: "d\n+++++ e"})
	if err != nil || r.Suffix != "\n" || r.Prompt != "+++++ b\nc\n\n+++++ d +++++ e\na" {
		t.Errorf("prompt %q, suffix %q, %v", r.Prompt, r.Suffix, err)
	}
}
