package wire

import (
	"cmp"
	"slices"

	"github.com/bise-sh/bise/engine"
)

// LegacyLogprobs are the tokens of a piece of text, in the shape of OpenAI's
// first completions.
type LegacyLogprobs struct {
	Tokens   []string             `json:"tokens"`
	Logprobs []float64            `json:"token_logprobs"`
	Top      []map[string]float64 `json:"top_logprobs"`
	Offsets  []int                `json:"text_offset"` // bytes from the first token of this piece
}

// NewLegacyLogprobs gives tokens their legacy shape, nil for none.
func NewLegacyLogprobs(tokens []engine.Logprob) *Logprobs {
	if len(tokens) == 0 {
		return nil
	}
	l, offset := &LegacyLogprobs{}, 0
	for _, t := range tokens {
		top := map[string]float64{}
		for _, o := range t.Top {
			top[o.Token] = finite(o.Logprob)
		}
		l.Tokens = append(l.Tokens, t.Token)
		l.Logprobs = append(l.Logprobs, finite(t.Logprob))
		l.Top = append(l.Top, top)
		l.Offsets = append(l.Offsets, offset)
		offset += len(t.Token)
	}
	return &Logprobs{LegacyLogprobs: l}
}

// engine converts the tokens back; this form has fewer fields.
func (l *LegacyLogprobs) engine() []engine.Logprob {
	var tokens []engine.Logprob
	for i := range min(len(l.Tokens), len(l.Logprobs)) {
		t := engine.Logprob{Token: l.Tokens[i], Logprob: l.Logprobs[i]}
		if i < len(l.Top) {
			for token, p := range l.Top[i] {
				t.Top = append(t.Top, engine.Logprob{Token: token, Logprob: p})
			}
			slices.SortFunc(t.Top, func(a, b engine.Logprob) int { return cmp.Compare(b.Logprob, a.Logprob) })
		}
		tokens = append(tokens, t)
	}
	return tokens
}
