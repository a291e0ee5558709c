package llamaserver

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/fault"
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
		return out, fault.Advise(fault.Errorf(fault.Unsupported, "%s has no pooling layer: it cannot embed text", e.name), "Use an embedding model, such as E5 Mistral.")
	}
	texts, total, err := local.EmbedTokens(r, e.info.EmbeddingSize, e.limit(), e.endsTexts(), e.textTokens)
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

// textTokens returns a text's tokens with the BOS and EOS tokens that the model expects.
func (e *Engine) textTokens(text string) []int32 {
	ids := e.begun(text)
	if e.endsTexts() {
		ids = append(ids, e.ends.eos)
	}
	if len(ids) == 0 {
		ids = append(ids, max(0, e.ends.bos))
	}
	return ids
}

// endsTexts reports whether a text to embed ends with the EOS token.
func (e *Engine) endsTexts() bool { return e.ends.addEOS && e.ends.eos >= 0 }
