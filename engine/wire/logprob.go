package wire

import (
	"strings"

	"github.com/bise-sh/bise/engine"
)

// Logprobs are the tokens of a piece of text, in one of OpenAI's two shapes.
type Logprobs struct {
	Content []Logprob `json:"content,omitempty"`
	*LegacyLogprobs
}

// A Logprob is one token. OpenAI's has no ID.
type Logprob struct {
	TopLogprob
	Top []TopLogprob `json:"top_logprobs"`
}

// A TopLogprob is a token that might have been chosen.
type TopLogprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
	ID      int32   `json:"id"`
}

// NewLogprobs gives tokens their shape on the wire, nil for none.
func NewLogprobs(tokens []engine.Logprob) *Logprobs {
	if len(tokens) == 0 {
		return nil
	}
	l := &Logprobs{Content: make([]Logprob, len(tokens))}
	for i, t := range tokens {
		top := make([]TopLogprob, len(t.Top))
		for k, o := range t.Top {
			top[k] = newTopLogprob(o)
		}
		l.Content[i] = Logprob{newTopLogprob(t), top}
	}
	return l
}

func newTopLogprob(t engine.Logprob) TopLogprob {
	return TopLogprob{Token: t.Token, Logprob: finite(t.Logprob), Bytes: t.Bytes, ID: t.ID}
}

func (t TopLogprob) engine() engine.Logprob {
	return engine.Logprob{Token: fromBytes(t.Token, t.Bytes), ID: t.ID, Logprob: t.Logprob, Bytes: t.Bytes}
}

// finite is a logarithm that JSON can write; OpenAI's servers say impossible so.
func finite(logprob float64) float64 {
	const impossible = -9999
	return max(logprob, impossible)
}

// Engine returns the argument of NewLogprobs. A token that is part of a rune does not
// survive in a JSON string, so it is restored from its bytes.
func (l *Logprobs) Engine() []engine.Logprob {
	switch {
	case l == nil:
		return nil
	case l.LegacyLogprobs != nil:
		return l.engine()
	case len(l.Content) == 0:
		return nil
	}
	tokens := make([]engine.Logprob, len(l.Content))
	for i, t := range l.Content {
		tokens[i] = t.engine()
		for _, o := range t.Top {
			tokens[i].Top = append(tokens[i].Top, o.engine())
		}
	}
	return tokens
}

func fromBytes(token string, numbers []int) string {
	if numbers == nil {
		return token
	}
	b := make([]byte, len(numbers))
	for i, n := range numbers {
		b[i] = byte(n)
	}
	return string(b)
}

// Text is the text of tokens together, the control token before them left out.
func Text(tokens []engine.Logprob) string {
	var b strings.Builder
	for i, t := range tokens {
		if piece := fromBytes(t.Token, t.Bytes); i > 0 || !isControl(piece) {
			b.WriteString(piece)
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// isControl reports whether a piece has the form of a control token's name: <s>, [INST].
func isControl(piece string) bool {
	return len(piece) > 2 && (piece[0] == '<' && piece[len(piece)-1] == '>' || piece[0] == '[' && piece[len(piece)-1] == ']')
}
