//go:build cgo

package llama

import (
	"context"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/fault"
)

// constrain makes an answer follow the grammar, schema or tool choice asked for.
func (e *Engine) constrain(ctx context.Context, j *scheduler.Job, r *engine.ChatRequest) (err error) {
	j.Steps, j.Schema, err = local.Model{Name: e.name, Vocab: e.vocab, Format: e.format}.Constrain(ctx, r)
	return err
}

// arm gives a job its samplers.
func (e *Engine) arm(ctx context.Context, j *scheduler.Job, r *engine.Sampling, temperature float64) (err error) {
	p := local.Settle(r, temperature)
	defer func() {
		if err != nil {
			j.Free()
		}
	}()
	j.Exact = j.Seeded || p.Temperature <= 0
	for range r.Choices() {
		s := boundSampler{newSampler(e.instance.m, p, j.Ends), e}
		j.Samplers = append(j.Samplers, s)
		if len(j.Steps) > 0 {
			if err := s.Constrain(ctx, j.Steps[0].Grammar); err != nil {
				return err
			}
		}
		if p.RemembersPrompt() {
			for _, id := range j.Prompt[max(0, len(j.Prompt)-p.LookBack()):] {
				if id >= 0 {
					s.Accept(id)
				}
			}
		}
		p.Seed++
	}
	return nil
}

// maxBuilds is how many grammars are built at once.
const maxBuilds = 2

var builders = make(chan struct{}, maxBuilds)

// grammar builds a grammar, nil for "". llama.cpp cannot be stopped in that, and takes seconds
// for a large one. So if ctx ends, the grammar is finished aside and freed.
func (e *Engine) grammar(ctx context.Context, source string) (*grammarRules, error) {
	if source == "" {
		return nil, nil
	}
	select {
	case builders <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	type result struct {
		g   *grammarRules
		err error
	}
	built := make(chan result)
	e.builds.Go(func() {
		g, err := newGrammar(e.instance.m, source)
		<-builders
		select {
		case built <- result{g, err}:
		case <-ctx.Done():
			if g != nil {
				g.free()
			}
		}
	})
	select {
	case r := <-built:
		if r.err != nil {
			return nil, &fault.Error{Kind: fault.Invalid, Param: "grammar", Msg: "the grammar cannot be used: " + r.err.Error()}
		}
		return r.g, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
