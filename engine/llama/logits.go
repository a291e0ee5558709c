//go:build cgo

package llama

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/layout"
)

// Logits evaluates tokens from the start of the context and returns the logits after each:
// float32 [len(tokens)][vocabulary]. Images, as data: URLs, replace the runs of [IMG]
// among the tokens, in order; vectors are the embeddings at those positions.
func (e *Engine) Logits(ctx context.Context, tokens []int32, images ...string) (rows, vectors [][]float32, err error) {
	parts, err := e.findImages(tokens, images)
	if err != nil {
		return nil, nil, err
	}
	err = e.alone(len(tokens), func(s *scheduler, o *slot) error {
		for i := 0; i < len(tokens); {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if len(parts) > 0 && parts[0].at == i {
				p := parts[0]
				parts = parts[1:]
				if err := s.encoder.embed(&p); err != nil {
					return err
				}
				width := s.encoder.c.width
				for from := 0; from < p.n; {
					n := min(p.n-from, s.params.batch)
					if err := s.x.decodeEmbeddings(p.embed[from*width:(from+n)*width], i+from, o.seq, true); err != nil {
						return fault.Errorf(fault.Internal, "llama.cpp cannot evaluate the image: %w", err)
					}
					for k := range n {
						rows = append(rows, s.x.logits(k))
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
			for _, err := range s.x.batches(tokens[:end], i, o.seq, func(int) bool { return true }) {
				if err != nil {
					return fault.Errorf(fault.Internal, "llama.cpp cannot evaluate the tokens: %w", err)
				}
				for row := range s.x.batchLen() {
					rows = append(rows, s.x.logits(row))
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

// findImages finds the places of images among tokens, and checks that each
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
	encoder := e.scheduler.encoder
	if encoder == nil {
		return nil, &fault.Error{Kind: fault.Unsupported, Msg: fmt.Sprintf("%s has no vision", e.name)}
	}
	i := 0
	for n, url := range urls {
		run, err := layout.Run(e.vocab, encoder.grid, url)
		if err != nil {
			return nil, err
		}
		for i < len(tokens) && tokens[i] != run[0] {
			i++
		}
		if i+len(run) > len(tokens) || !slices.Equal(tokens[i:i+len(run)], run) {
			return nil, &fault.Error{Kind: fault.Invalid, Param: "tokens", Msg: fmt.Sprintf("image %d has %d tokens, which the prompt lacks", n+1, len(run))}
		}
		parts = append(parts, newPart(i, len(run), url))
		i += len(run)
	}
	return parts, nil
}

// Bare evaluates prompt and then generates n tokens greedily in a plain loop over the
// engine's context, without the scheduler.
func (e *Engine) Bare(prompt []int32, n int) (b BareLoop, err error) {
	err = e.alone(len(prompt)+n, func(s *scheduler, o *slot) error {
		sampler, err := newSampler(s.m, sampling{})
		if err != nil {
			return err
		}
		defer sampler.free()
		begin := time.Now()
		if err := s.x.fill(prompt, 0, o.seq, true); err != nil {
			return err
		}
		id, _, _ := sampler.sample(s.x, s.x.batchLen()-1, nil, -1)
		b.Prefill = time.Since(begin)
		begin = time.Now()
		for i := range n - 1 {
			s.x.clearBatch()
			s.x.add(id, len(prompt)+i, o.seq, true)
			if err := s.x.decode(); err != nil {
				return err
			}
			id, _, _ = sampler.sample(s.x, 0, nil, -1)
		}
		b.Decode = time.Since(begin)
		return nil
	})
	return b, err
}

// StateCost measures saving and restoring the state of tokens.
func (e *Engine) StateCost(tokens []int32) (c StateCost, err error) {
	err = e.alone(len(tokens), func(s *scheduler, o *slot) error {
		if err := s.x.fill(tokens, 0, o.seq, true); err != nil {
			return err
		}
		begin := time.Now()
		state, err := s.x.saveState(o.seq)
		if err != nil {
			return err
		}
		c.Save, c.Bytes = time.Since(begin), len(state)
		begin = time.Now()
		if err := s.x.loadState(o.seq, state); err != nil {
			return err
		}
		c.Restore = time.Since(begin)
		return nil
	})
	return c, err
}

// alone runs f with an empty slot and room for n tokens, when no answer is in progress.
// The slot is empty again afterwards.
func (e *Engine) alone(n int, f func(*scheduler, *slot) error) error {
	release, err := e.use()
	if err != nil {
		return err
	}
	defer release()
	called := e.scheduler.call(func() {
		s := &e.scheduler
		if len(s.jobs)+len(s.waiting) > 0 {
			err = &fault.Error{Kind: fault.Busy, Msg: fmt.Sprintf("%s is answering", e.name), Advice: "Try again when it is done."}
			return
		}
		for _, o := range s.slots {
			s.evict(o)
		}
		if n >= s.x.tokens() && (n >= s.bound() || !s.grow(n+s.params.batch)) {
			err = engine.ErrTooLong(n+1, s.bound())
			return
		}
		err = f(s, s.slots[0])
		s.x.remove(s.slots[0].seq, -1, -1)
	})
	return cmp.Or(called, err)
}
