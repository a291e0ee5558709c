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
	Logprobs []*float64           `json:"token_logprobs"` // null: nothing comes before the token
	Top      []map[string]float64 `json:"top_logprobs"`   // null likewise
	Offsets  []int                `json:"text_offset"`    // bytes from the first token of this piece
}

// NewLegacyLogprobs gives tokens their legacy shape, nil for none.
func NewLegacyLogprobs(tokens []engine.Logprob) *Logprobs {
	if len(tokens) == 0 {
		return nil
	}
	return NewEchoLogprobs(nil, tokens)
}

// NewEchoLogprobs gives the tokens of a prompt and those of its answer their legacy shape, also
// if there are none.
func NewEchoLogprobs(prompt, tokens []engine.Logprob) *Logprobs {
	l := &LegacyLogprobs{Tokens: []string{}, Logprobs: []*float64{}, Top: []map[string]float64{}, Offsets: []int{}}
	for i, t := range prompt {
		l.add(t, i == 0)
	}
	for _, t := range tokens {
		l.add(t, false)
	}
	return &Logprobs{LegacyLogprobs: l}
}

func (l *LegacyLogprobs) add(t engine.Logprob, first bool) {
	offset := 0
	if n := len(l.Tokens); n > 0 {
		offset = l.Offsets[n-1] + len(l.Tokens[n-1])
	}
	l.Offsets = append(l.Offsets, offset)
	l.Tokens = append(l.Tokens, t.Token)
	if first {
		l.Logprobs, l.Top = append(l.Logprobs, nil), append(l.Top, nil)
		return
	}
	logprob := finite(t.Logprob)
	l.Logprobs = append(l.Logprobs, &logprob)
	top := map[string]float64{}
	for _, o := range t.Top {
		// Several tokens can read the same, such as parts of runes.
		if p, ok := top[o.Token]; !ok || o.Logprob > p {
			top[o.Token] = finite(o.Logprob)
		}
	}
	if _, ok := top[t.Token]; !ok && len(t.Top) > 0 {
		top[t.Token] = logprob // as OpenAI has it
	}
	l.Top = append(l.Top, top)
}

// engine converts the tokens back; this form has fewer fields.
func (l *LegacyLogprobs) engine() []engine.Logprob {
	var tokens []engine.Logprob
	for i := range min(len(l.Tokens), len(l.Logprobs)) {
		t := engine.Logprob{Token: l.Tokens[i]}
		if p := l.Logprobs[i]; p != nil {
			t.Logprob = *p
		}
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
