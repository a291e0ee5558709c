//go:build cgo

package llama

import (
	"context"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/fault"
)

// Embed returns the vectors of texts, of length 1, with the pooling of the model.
func (e *Engine) Embed(ctx context.Context, r engine.EmbedRequest) (engine.Embeddings, error) {
	c := &e.instance
	release, err := e.useToEmbed()
	if err != nil {
		return engine.Embeddings{}, err
	}
	defer release()
	texts, total, err := local.EmbedTokens(r, c.m.embedding(), e.scheduler.Bound(), c.m.bos(), c.m.textEnd(), e.begun)
	if err != nil {
		return engine.Embeddings{}, err
	}
	out := engine.Embeddings{Usage: engine.Usage{PromptTokens: total, TotalTokens: total}}
	for len(texts) > 0 {
		n := c.together(texts)
		vectors, err := e.vectors(ctx, texts[:n])
		if err != nil {
			return engine.Embeddings{}, err
		}
		for _, v := range vectors {
			out.Vectors = append(out.Vectors, local.Shape(v, r))
		}
		texts = texts[n:]
	}
	return out, nil
}

// EmbedTokens returns the vector of a tokenized text, of length 1, with the pooling of the
// model.
func (e *Engine) EmbedTokens(ctx context.Context, tokens []int32) ([]float32, error) {
	release, err := e.useToEmbed()
	if err != nil {
		return nil, err
	}
	defer release()
	switch {
	case len(tokens) == 0:
		return nil, &fault.Error{Kind: fault.Invalid, Param: "tokens", Msg: "no tokens to embed"}
	case len(tokens) > e.scheduler.Bound():
		return nil, engine.ErrTooLong(len(tokens), e.scheduler.Bound())
	}
	if _, err := e.findImages(tokens, nil); err != nil {
		return nil, err
	}
	vectors, err := e.vectors(ctx, [][]token{tokens})
	if err != nil {
		return nil, err
	}
	return local.Normalize(vectors[0]), nil
}

// useToEmbed is use, with an error for a model that cannot embed text.
func (e *Engine) useToEmbed() (release func(), err error) {
	if release, err = e.use(); err != nil {
		return nil, err
	}
	if !e.info.Can.Embed {
		release()
		return nil, local.NoPooling(e.name)
	}
	return release, nil
}

// vectors calls embed on the scheduler's goroutine.
func (e *Engine) vectors(ctx context.Context, texts [][]token) (vectors [][]float32, err error) {
	total := 0
	for _, ids := range texts {
		total += len(ids)
	}
	err = e.scheduler.Alone(total, func() (err error) {
		vectors, err = e.instance.embed(ctx, texts)
		return err
	})
	return vectors, err
}

// together returns how many texts, from the first on, fit one batch.
func (c *instance) together(texts [][]token) int {
	n, tokens := 1, len(texts[0])
	for n < len(texts) && n < c.params.slots && tokens+len(texts[n]) <= c.params.batch {
		tokens += len(texts[n])
		n++
	}
	return n
}

// embed evaluates texts, one sequence each, and returns their pooled vectors. Only a
// single text can be longer than a batch: its vector is then that of its last token.
func (c *instance) embed(ctx context.Context, texts [][]token) ([][]float32, error) {
	c.x.clearBatch()
	for seq, ids := range texts {
		for i, id := range ids {
			if c.x.batchLen() == c.params.batch {
				if err := c.evaluate(ctx); err != nil {
					return nil, err
				}
			}
			c.x.add(id, i, seq, true)
		}
	}
	if err := c.evaluate(ctx); err != nil {
		return nil, err
	}
	vectors := make([][]float32, len(texts))
	for seq := range vectors {
		if vectors[seq] = c.x.embeddings(seq); vectors[seq] == nil {
			return nil, fault.Errorf(fault.Internal, "llama.cpp gave no vector")
		}
	}
	return vectors, nil
}

// evaluate evaluates the batch and clears it. The end of ctx stops it.
func (c *instance) evaluate(ctx context.Context) error {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.Interrupt(true)
		close(interrupted)
	})
	err := c.Decode()
	if !stop() {
		<-interrupted
		c.Interrupt(false)
		return context.Cause(ctx)
	}
	c.x.clearBatch()
	if err != nil {
		return fault.Errorf(fault.Internal, "llama.cpp cannot evaluate the text: %w", err)
	}
	return nil
}
