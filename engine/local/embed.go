package local

import (
	"fmt"
	"math"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// NoPooling is the error of a model that cannot embed text.
func NoPooling(model string) error {
	return fault.Advise(fault.Errorf(fault.Unsupported, "%s has no pooling layer: it cannot embed text", model), "Use an embedding model, such as E5 Mistral.")
}

// EmbedTokens returns the tokens of the texts of a request. width is the number of components of
// the model's vectors, limit how many tokens fit the context. begun returns the tokens of a text
// with the BOS token that the model expects. eos is the token that ends texts, which a cut keeps;
// negative: none. A text without tokens becomes bos.
func EmbedTokens(r engine.EmbedRequest, width, limit int, bos, eos int32, begun func(string) []int32) (texts [][]int32, total int, err error) {
	if r.Dimension < 0 || r.Dimension > width {
		return nil, 0, &fault.Error{Kind: fault.Invalid, Param: "output_dimension", Msg: fmt.Sprintf("output_dimension is %d and the model's vectors have %d components", r.Dimension, width)}
	}
	if len(r.Input) == 0 {
		return nil, 0, &fault.Error{Kind: fault.Invalid, Param: "input", Msg: "no text to embed"}
	}
	for _, text := range r.Input {
		ids := begun(text)
		if eos >= 0 {
			ids = append(ids, eos)
		}
		if len(ids) == 0 {
			ids = append(ids, max(0, bos))
		}
		if n := len(ids); n > limit {
			if !r.Truncate {
				return nil, 0, engine.ErrTooLong(n, limit)
			}
			if ids = ids[:limit]; eos >= 0 {
				ids[limit-1] = eos
			}
		}
		texts = append(texts, ids)
		total += len(ids)
	}
	return texts, total, nil
}

// Shape gives the vector of a text the first components that a request asks for, and length 1.
func Shape(v []float32, r engine.EmbedRequest) []float32 {
	if r.Dimension > 0 {
		v = v[:r.Dimension]
	}
	return Normalize(v)
}

// Normalize scales a vector to length 1.
func Normalize(v []float32) []float32 {
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
