package prompt

import (
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// An AudioGrid is how a model divides audio into tokens.
type AudioGrid struct {
	Tokens int // of each window of the encoder
}

// Encode returns the tokens of audio that fills a number of windows. [BEGIN_AUDIO] is not among them.
func (g AudioGrid) Encode(t tokenizer.Tokenizer, windows int) ([]int32, error) {
	id, ok := t.ID(audioToken)
	if !ok {
		return nil, fault.Errorf(fault.Unsupported, "the model's vocabulary has no token %s", audioToken)
	}
	tokens := make([]int32, windows*g.Tokens)
	for i := range tokens {
		tokens[i] = id
	}
	return tokens, nil
}
