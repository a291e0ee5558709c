//go:build cgo

package llama

import (
	"context"
	"fmt"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// EmbedTokens is the vector of a text that is tokenized already, of length 1 and
// pooled as the model says.
func (e *Engine) EmbedTokens(ctx context.Context, tokens []int32) ([]float32, error) {
	s := &e.scheduler
	release, err := e.use()
	if err != nil {
		return nil, err
	}
	defer release()
	switch {
	case !s.params.embeddings:
		return nil, &fault.Error{Kind: fault.Unsupported, Msg: fmt.Sprintf("%s has no pooling layer: it cannot embed text", e.name), Advice: "Use an embedding model, such as E5 Mistral."}
	case len(tokens) == 0:
		return nil, &fault.Error{Kind: fault.Invalid, Param: "tokens", Msg: "no tokens to embed"}
	case len(tokens) > s.bound():
		return nil, engine.ErrTooLong(len(tokens), s.bound())
	}
	if _, err := e.findImages(tokens, nil); err != nil {
		return nil, err
	}
	var vectors [][]float32
	if called := s.call(func() { vectors, err = s.embed(ctx, [][]token{tokens}) }); called != nil {
		return nil, called
	}
	if err != nil {
		return nil, err
	}
	return normalize(vectors[0]), nil
}
