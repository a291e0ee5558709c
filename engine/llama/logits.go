//go:build cgo

package llama

import (
	"context"
	"fmt"
	"time"

	"github.com/bise-sh/bise/engine"
)

// Logits evaluates tokens from the beginning and returns what the model makes of
// each: float32 [len(tokens)][vocabulary].
func (e *Engine) Logits(ctx context.Context, tokens []int32) (rows [][]float32, err error) {
	err = e.alone(len(tokens), func(s *scheduler, o *slot) error {
		for i := 0; i < len(tokens); {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			s.x.clearBatch()
			for ; i < len(tokens) && s.x.batchLen() < s.params.batch; i++ {
				s.x.add(tokens[i], i, o.seq, true)
			}
			if err := s.x.decode(); err != nil {
				return engine.Errorf(engine.Internal, "llama.cpp cannot evaluate the tokens: %w", err)
			}
			for row := range s.x.batchLen() {
				rows = append(rows, s.x.logits(row))
			}
		}
		return nil
	})
	return rows, err
}

// A BareLoop is how long llama.cpp takes when nothing but a loop is around it:
// what an engine is measured against.
type BareLoop struct {
	Prefill time.Duration // of the whole prompt
	Decode  time.Duration // of the tokens after the first
}

// Bare evaluates prompt and then writes n tokens greedily in a bare loop over
// the engine's own context.
func (e *Engine) Bare(prompt []int32, n int) (b BareLoop, err error) {
	err = e.alone(len(prompt)+n, func(s *scheduler, o *slot) error {
		sampler, err := newSampler(s.m, sampling{})
		if err != nil {
			return err
		}
		defer sampler.free()
		begin := time.Now()
		var id token
		for i := 0; i < len(prompt); {
			s.x.clearBatch()
			for ; i < len(prompt) && s.x.batchLen() < s.params.batch; i++ {
				s.x.add(prompt[i], i, o.seq, i == len(prompt)-1)
			}
			if err := s.x.decode(); err != nil {
				return err
			}
		}
		id, _, _ = sampler.sample(s.x, s.x.batchLen()-1, nil, -1)
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

// A StateCost is what it takes to save a conversation and to bring it back.
type StateCost struct {
	Bytes         int
	Save, Restore time.Duration // in memory; the disk comes on top
}

// StateCost measures saving and restoring the state of tokens.
func (e *Engine) StateCost(tokens []int32) (c StateCost, err error) {
	err = e.alone(len(tokens), func(s *scheduler, o *slot) error {
		for i := 0; i < len(tokens); {
			s.x.clearBatch()
			for ; i < len(tokens) && s.x.batchLen() < s.params.batch; i++ {
				s.x.add(tokens[i], i, o.seq, i == len(tokens)-1)
			}
			if err := s.x.decode(); err != nil {
				return err
			}
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

// alone runs f with an empty slot, when no answer is being written, in a context
// that has room for n tokens. The slot is empty again afterwards.
func (e *Engine) alone(n int, f func(*scheduler, *slot) error) error {
	release, err := e.use()
	if err != nil {
		return err
	}
	defer release()
	called := e.scheduler.call(func() {
		s := &e.scheduler
		if len(s.jobs)+len(s.waiting) > 0 {
			err = &engine.Error{Kind: engine.Busy, Msg: fmt.Sprintf("%s is answering", e.name), Advice: "Try again when it is done."}
			return
		}
		for _, o := range s.slots {
			s.evict(o)
		}
		if n >= s.x.tokens() && (n >= s.limit || !s.grow(min(s.limit, n+s.params.batch))) {
			err = engine.ErrTooLong(n+1, s.limit)
			return
		}
		err = f(s, s.slots[0])
		s.x.remove(s.slots[0].seq, -1, -1)
	})
	if called != nil {
		return called
	}
	return err
}
