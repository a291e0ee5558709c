package llamaserver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"

	"github.com/bise-sh/bise/engine"
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
	switch width := e.info.EmbeddingSize; {
	case !e.info.Can.Embed:
		return out, fault.Advise(fault.Errorf(fault.Unsupported, "%s has no pooling layer: it cannot embed text", e.name), "Use an embedding model, such as E5 Mistral.")
	case r.Dimension < 0 || r.Dimension > width:
		return out, &fault.Error{Kind: fault.Invalid, Param: "output_dimension", Msg: fmt.Sprintf("output_dimension is %d and the model's vectors have %d components", r.Dimension, width)}
	case len(r.Input) == 0:
		return out, &fault.Error{Kind: fault.Invalid, Param: "input", Msg: "no text to embed"}
	}
	limit := e.limit()
	var texts [][]int32
	for _, text := range r.Input {
		ids := e.begun(text)
		if e.ends.addEOS && e.ends.eos >= 0 {
			ids = append(ids, e.ends.eos)
		}
		if len(ids) == 0 {
			ids = append(ids, max(0, e.ends.bos))
		}
		if len(ids) > limit {
			return engine.Embeddings{}, engine.ErrTooLong(len(ids), limit)
		}
		texts = append(texts, ids)
		out.Usage.PromptTokens += len(ids)
	}
	out.Usage.TotalTokens = out.Usage.PromptTokens
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
			if r.Dimension > 0 {
				v = v[:r.Dimension]
			}
			out.Vectors = append(out.Vectors, normalize(v))
		}
	}
	return out, nil
}

// normalize scales a vector to length 1.
func normalize(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return v
	}
	scale := 1 / math.Sqrt(sum)
	for i := range v {
		v[i] = float32(float64(v[i]) * scale)
	}
	return v
}
