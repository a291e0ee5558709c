//go:build cgo

package llama

import (
	"cmp"
	"context"

	"github.com/bise-sh/bise/engine/footprint"
	"github.com/bise-sh/bise/fault"
)

// Inputs evaluates a text in chunks and sums the squares of the inputs of each column of
// the layers' matrices, as llama-imatrix does for an importance matrix. The text is
// tokenized without control tokens. Inputs calls progress, which may be nil, after each
// chunk.
func (e *Engine) Inputs(ctx context.Context, text string, o InputsOptions, progress func(done, total int)) (Inputs, error) {
	var in Inputs
	size := cmp.Or(o.Context, defaultWindow)
	pieces, err := e.windows(text, size, o.Pieces)
	if err != nil {
		return in, err
	}
	err = e.alone(0, func(e *instance) error {
		c := newCollector(o.Output)
		defer c.free()
		x, err := c.context(e.m, size, min(size, footprint.Batch), e.params.threads)
		if err != nil {
			return &fault.Error{Kind: fault.NoMemory, Msg: "cannot make a context for the text: " + err.Error(), Advice: "Use a shorter --context, or free some memory."}
		}
		defer x.free()
		e.pool.attach(x)
		for i, piece := range pieces {
			if x.hasMemory() {
				x.remove(0, -1, -1)
			}
			// Everything is an output, or the last layer would skip what is not.
			if err := evaluate(ctx, x, piece, 0, nil); err != nil {
				return err
			}
			if progress != nil {
				progress(i+1, len(pieces))
			}
		}
		in = Inputs{Tensors: c.all(), Pieces: len(pieces), Context: size}
		return nil
	})
	return in, err
}
