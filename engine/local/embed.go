package local

import (
	"fmt"
	"math"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// EmbedTokens returns the tokens of the texts of a request. width is the number of components of
// the model's vectors, limit how many tokens fit the context. encode returns the tokens of a
// text; if ended is set, the last one is the end token, which a cut keeps.
func EmbedTokens(r engine.EmbedRequest, width, limit int, ended bool, encode func(string) []int32) (texts [][]int32, total int, err error) {
	if r.Dimension < 0 || r.Dimension > width {
		return nil, 0, &fault.Error{Kind: fault.Invalid, Param: "output_dimension", Msg: fmt.Sprintf("output_dimension is %d and the model's vectors have %d components", r.Dimension, width)}
	}
	if len(r.Input) == 0 {
		return nil, 0, &fault.Error{Kind: fault.Invalid, Param: "input", Msg: "no text to embed"}
	}
	for _, text := range r.Input {
		ids := encode(text)
		if n := len(ids); n > limit {
			if !r.Truncate {
				return nil, 0, engine.ErrTooLong(n, limit)
			}
			end := ids[n-1]
			if ids = ids[:limit]; ended {
				ids[limit-1] = end
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
