package llamaserver

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/local"
)

// Embed returns the vectors of texts, of length 1, with the pooling of the model.
func (e *Engine) Embed(ctx context.Context, r engine.EmbedRequest) (out engine.Embeddings, err error) {
	defer rescue(&err)
	c, done, err := e.use(ctx)
	if err != nil {
		return out, err
	}
	defer done()
	if !e.info.Can.Embed {
		return out, local.NoPooling(e.name)
	}
	texts, total, err := local.EmbedTokens(r, e.info.EmbeddingSize, e.limit(), e.ends.bos, e.textEnd(), e.begun)
	if err != nil {
		return out, err
	}
	out.Usage.PromptTokens, out.Usage.TotalTokens = total, total
	const together = 32 // texts of one request
	for part := range slices.Chunk(texts, together) {
		var got []struct {
			Index  int         `json:"index"`
			Vector [][]float32 `json:"embedding"`
		}
		err := c.ask(ctx, http.MethodPost, "/embeddings", map[string]any{"content": part, "embd_normalize": -1}, &got)
		if err != nil {
			return engine.Embeddings{}, err
		}
		vectors := make([][]float32, len(part))
		for _, g := range got {
			if g.Index >= 0 && g.Index < len(vectors) && len(g.Vector) == 1 {
				vectors[g.Index] = g.Vector[0]
			}
		}
		for _, v := range vectors {
			if len(v) != e.info.EmbeddingSize {
				return engine.Embeddings{}, garbage("/embeddings", errors.New("a vector has the wrong length"))
			}
			out.Vectors = append(out.Vectors, local.Shape(v, r))
		}
	}
	return out, nil
}

// textEnd is the token that ends a text to embed; negative: none.
func (e *Engine) textEnd() int32 {
	if !e.ends.addEOS {
		return -1
	}
	return e.ends.eos
}
