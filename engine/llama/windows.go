//go:build cgo

package llama

import (
	"context"
	"fmt"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// windows cuts a text into windows of size tokens, as llama.cpp's tools do: an incomplete
// last window is dropped, and each window begins with the BOS token in place of its first
// token. It returns at most limit windows; 0 means all.
func (e *Engine) windows(text string, size, limit int) ([][]token, error) {
	if size < leastWindow {
		return nil, &fault.Error{Kind: fault.Invalid, Param: "context", Msg: fmt.Sprintf("a context of %d tokens is too short", size), Advice: fmt.Sprintf("Use at least %d tokens.", leastWindow)}
	}
	if most := e.instance.m.contextTrain(); most > 0 && size > most {
		return nil, engine.ErrTooLong(size, most)
	}
	ids := e.begun(text)
	if len(ids) < size {
		return nil, &fault.Error{
			Kind: fault.Invalid, Param: "text", Msg: fmt.Sprintf("the text has %d tokens: one context needs %d", len(ids), size),
			Advice: "Give a longer text, or a shorter --context.",
		}
	}
	var list [][]token
	for len(ids) >= size && (limit <= 0 || len(list) < limit) {
		w := slices.Clone(ids[:size])
		if m := e.instance.m; m.addBOS() && m.bos() >= 0 {
			w[0] = m.bos()
		}
		list = append(list, w)
		ids = ids[size:]
	}
	return list, nil
}

// leastWindow is the shortest context window, in tokens.
const leastWindow = 32

// evaluate evaluates tokens in an empty context. It calls show with the logits of the
// tokens from first on, batch by batch; the rows are valid until show returns.
func evaluate(ctx context.Context, x *lctx, tokens []token, first int, show func(at int, rows [][]float32)) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for begin, err := range x.batches(tokens, 0, 0, func(i int) bool { return i >= first }) {
		if err != nil {
			return fault.Errorf(fault.Internal, "llama.cpp cannot evaluate the text: %w", err)
		}
		if end := begin + x.batchLen(); show != nil && end > first {
			from := max(first, begin)
			rows := x.outputs(from - begin)
			if rows == nil {
				return fault.Errorf(fault.Internal, "llama.cpp gave no logits")
			}
			show(from, rows)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// defaultWindow is the length of a piece of text, in tokens: what llama.cpp's
// tools take, so that numbers compare.
const defaultWindow = 512
