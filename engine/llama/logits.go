//go:build cgo

package llama

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/layout"
)

// Logits evaluates tokens from the start of the context and returns the logits after each:
// float32 [len(tokens)][vocabulary]. Images or audio, as data: URLs, replace the runs of [IMG]
// or [AUDIO] among the tokens, in order; vectors are the embeddings at those positions.
func (e *Engine) Logits(ctx context.Context, tokens []int32, images ...string) (rows, vectors [][]float32, err error) {
	parts, err := e.findImages(tokens, images)
	if err != nil {
		return nil, nil, err
	}
	err = e.alone(len(tokens)+1, func(c *instance) error {
		for i := 0; i < len(tokens); {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if len(parts) > 0 && parts[0].at == i {
				p := parts[0]
				parts = parts[1:]
				width, err := c.encodePart(&p)
				if err != nil {
					return err
				}
				for from := 0; from < p.n; {
					n := min(p.n-from, c.params.batch)
					if err := c.x.decodeEmbeddings(p.embed[from*width:(from+n)*width], i+from, 0, true); err != nil {
						return fault.Errorf(fault.Internal, "llama.cpp cannot evaluate the %s: %w", p.what(), err)
					}
					for k := range n {
						rows = append(rows, c.x.logits(k))
						if tokens[i+from+k] == tokens[i] {
							vectors = append(vectors, p.embed[(from+k)*width:(from+k+1)*width])
						}
					}
					from += n
				}
				i += p.n
				continue
			}
			end := len(tokens)
			if len(parts) > 0 {
				end = parts[0].at
			}
			for _, err := range c.x.batches(tokens[:end], i, 0, func(int) bool { return true }) {
				if err != nil {
					return fault.Errorf(fault.Internal, "llama.cpp cannot evaluate the tokens: %w", err)
				}
				for row := range c.x.batchLen() {
					rows = append(rows, c.x.logits(row))
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
			i = end
		}
		return nil
	})
	return rows, vectors, err
}

// findImages finds the places of images or audio among tokens, and checks that each
// has as many as its size asks for.
func (e *Engine) findImages(tokens []int32, urls []string) (parts []imagePart, err error) {
	for _, id := range tokens {
		if id < 0 || int(id) >= e.vocab.Len() {
			return nil, &fault.Error{Kind: fault.Invalid, Param: "tokens", Msg: fmt.Sprintf("invalid token %d: the vocabulary has %d", id, e.vocab.Len())}
		}
	}
	if len(urls) == 0 {
		return nil, nil
	}
	encoder := e.instance.encoder
	if encoder == nil && e.instance.hears == nil {
		return nil, &fault.Error{Kind: fault.Unsupported, Msg: fmt.Sprintf("%s has no vision and cannot hear", e.name)}
	}
	i := 0
	for n, url := range urls {
		var run []int32
		if hears := e.instance.hears; hears != nil {
			run, err = layout.AudioRun(e.vocab, hears.grid, url)
		} else {
			run, err = layout.Run(e.vocab, encoder.grid, url)
		}
		if err != nil {
			return nil, err
		}
		for i < len(tokens) && tokens[i] != run[0] {
			i++
		}
		if i+len(run) > len(tokens) || !slices.Equal(tokens[i:i+len(run)], run) {
			return nil, &fault.Error{Kind: fault.Invalid, Param: "tokens", Msg: fmt.Sprintf("attachment %d has %d tokens, which the prompt lacks", n+1, len(run))}
		}
		if hears := e.instance.hears; hears != nil {
			for at := 0; at < len(run); at += hears.grid.Tokens {
				parts = append(parts, newAudioPart(layout.Place{At: i + at, N: hears.grid.Tokens, URL: url, Window: at / hears.grid.Tokens}))
			}
		} else {
			parts = append(parts, newPart(i, len(run), url))
		}
		i += len(run)
	}
	return parts, nil
}

// Bare evaluates prompt and then generates n tokens greedily in a plain loop over the
// engine's context, without the scheduler.
func (e *Engine) Bare(prompt []int32, n int) (b BareLoop, err error) {
	err = e.alone(len(prompt)+n+1, func(c *instance) error {
		sampler := newSampler(c.m, local.Settings{}, nil)
		defer sampler.free()
		begin := time.Now()
		if err := c.x.fill(prompt, 0, 0, true); err != nil {
			return err
		}
		id, _, _ := sampler.sample(c.x, c.x.batchLen()-1, nil, -1)
		b.Prefill = time.Since(begin)
		begin = time.Now()
		for i := range n - 1 {
			c.x.clearBatch()
			c.x.add(id, len(prompt)+i, 0, true)
			if err := c.x.decode(); err != nil {
				return err
			}
			id, _, _ = sampler.sample(c.x, 0, nil, -1)
		}
		b.Decode = time.Since(begin)
		return nil
	})
	return b, err
}

// StateCost measures saving and restoring the state of tokens.
func (e *Engine) StateCost(tokens []int32) (cost StateCost, err error) {
	err = e.alone(len(tokens)+1, func(c *instance) error {
		if err := c.x.fill(tokens, 0, 0, true); err != nil {
			return err
		}
		begin := time.Now()
		state, err := c.x.saveState(0)
		if err != nil {
			return err
		}
		cost.Save, cost.Bytes = time.Since(begin), len(state)
		begin = time.Now()
		if err := c.x.loadState(0, state); err != nil {
			return err
		}
		cost.Restore = time.Since(begin)
		return nil
	})
	return cost, err
}

// alone runs f with an empty context that has room for n tokens, when no answer is in
// progress.
func (e *Engine) alone(n int, f func(*instance) error) error {
	release, err := e.use()
	if err != nil {
		return err
	}
	defer release()
	return e.scheduler.Alone(n, func() error { return f(&e.instance) })
}
