//go:build cgo

package llama

import (
	"context"
	"fmt"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/prompt"
)

// chatJob turns a conversation into a job, leaving out its oldest turns when it
// is too long and the request allows that.
func (e *Engine) chatJob(ctx context.Context, r *engine.ChatRequest) (*scheduler.Job, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if r.ToolChoice.Mode == "none" {
		short := *r
		short.Tools, r = nil, &short
	}
	p, err := e.layOut(r)
	if err != nil {
		return nil, err
	}
	if r.Overflow == engine.OverflowError || len(r.Messages) == 1 {
		texts := make([]string, len(p.Segments))
		for i, s := range p.Segments {
			texts[i] = s.Text
		}
		if err := e.rejectTooLong(texts...); err != nil {
			return nil, err
		}
	}
	ids, parts, err := e.encode(p)
	if err != nil {
		return nil, err
	}
	limit := e.scheduler.Bound()
	var left *engine.LeftOut
	if len(ids)+local.Room(&r.Sampling, limit) > limit && r.Overflow == engine.OverflowDropOldest {
		r, left, err = local.Shorten(ctx, r, len(ids), limit, func(short *engine.ChatRequest) (int, error) {
			ids, _, err := e.layOutTokens(short)
			return len(ids), err
		})
		if err != nil {
			return nil, err
		}
		if ids, parts, err = e.layOutTokens(r); err != nil {
			return nil, err
		}
	}
	j, err := e.job(&r.Sampling, ids)
	if err != nil {
		return nil, err
	}
	j.LeftOut = left
	j.OneCall = r.ParallelToolCalls != nil && !*r.ParallelToolCalls
	format := e.format
	j.Reader = func() prompt.Reader { return format.Reader(r) }
	for _, name := range format.Stops() {
		if id, ok := e.vocab.ID(name); ok {
			j.Ends = append(j.Ends, id)
		}
	}
	if err := e.constrain(ctx, j, r); err != nil {
		return nil, err
	}
	hashTokens(j.Prompt, parts)
	for i := range parts {
		j.Images = append(j.Images, &parts[i])
	}
	return j, e.arm(ctx, j, &r.Sampling, local.ChatTemperature)
}

// rejectTooLong rejects a prompt that cannot fit even if every token were the longest of
// the vocabulary. Tokenizing many megabytes only to count them takes seconds, so the
// error gives an estimate.
func (e *Engine) rejectTooLong(texts ...string) error {
	const sample = 64 << 10 // bytes
	bytes, longest := 0, ""
	for _, s := range texts {
		bytes += len(s)
		if len(s) > len(longest) {
			longest = s
		}
	}
	limit := e.scheduler.Bound()
	if len(longest) <= sample || bytes/e.longest() <= limit {
		return nil
	}
	n := len(e.vocab.Encode(longest[:sample], false))
	tokens := int(float64(bytes) / sample * float64(n))
	tokens = max(tokens, limit+1)
	err := engine.ErrTooLong(tokens, limit)
	err.Msg = fmt.Sprintf("the request has about %d tokens and the context holds %d", tokens, limit)
	return err
}

// layOutTokens turns a conversation into tokens.
func (e *Engine) layOutTokens(r *engine.ChatRequest) ([]token, []imagePart, error) {
	p, err := e.layOut(r)
	if err != nil {
		return nil, nil, err
	}
	return e.encode(p)
}

// completionJob makes a job of a completion or an infill request.
func (e *Engine) completionJob(ctx context.Context, r *engine.CompletionRequest) (*scheduler.Job, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if err := e.rejectTooLong(r.Prompt, r.Suffix); err != nil {
		return nil, err
	}
	ids, err := e.fill(r)
	if err != nil {
		return nil, err
	}
	j, err := e.job(&r.Sampling, ids)
	if err != nil {
		return nil, err
	}
	if r.PromptLogprobs {
		j.Scored, j.Top = true, max(0, j.Top)
	}
	if r.Grammar != "" {
		if j.Steps, err = local.GrammarSteps(ctx, r.Grammar); err != nil {
			return nil, err
		}
	}
	return j, e.arm(ctx, j, &r.Sampling, 0)
}

// job makes a job of a prompt's tokens.
func (e *Engine) job(r *engine.Sampling, ids []token) (*scheduler.Job, error) {
	c := &e.instance
	if c.params.embeddings {
		return nil, &fault.Error{Kind: fault.Unsupported, Msg: fmt.Sprintf("%s is an embedding model: it cannot generate text", e.name), Advice: "Use a chat model, or `bise embed`."}
	}
	if r.Choices() > c.params.slots {
		return nil, &fault.Error{Kind: fault.Invalid, Param: "n", Msg: fmt.Sprintf("invalid n %d: the limit is %d answers at once", r.Choices(), c.params.slots)}
	}
	if len(ids)+1 > e.scheduler.Bound() {
		return nil, engine.ErrTooLong(len(ids)+1, e.scheduler.Bound())
	}
	for id := range r.LogitBias {
		if int(id) >= c.m.vocabulary() {
			return nil, &fault.Error{Kind: fault.Invalid, Param: "logit_bias", Msg: fmt.Sprintf("invalid token %d in logit_bias: the vocabulary has %d", id, c.m.vocabulary())}
		}
	}
	j := &scheduler.Job{Prompt: ids, Max: -1, Min: r.MinTokens, Seeded: r.Seed != nil, Top: -1, Stops: r.Stop, Match: lookupMatch(r.Lookup)}
	if len(ids) == 0 {
		// The first token needs a token before it, also with an empty prompt.
		j.Prompt = []token{max(0, c.m.bos())}
	}
	if r.MaxTokens != nil {
		j.Max = *r.MaxTokens
	}
	if r.Logprobs || r.TopLogprobs > 0 {
		j.Top = r.TopLogprobs
	}
	return j, nil
}

// lookupMatch is how many tokens must occur again for the next ones to be drafted, 0 for no
// drafts. Short runs of tokens occur again in any text.
func lookupMatch(l engine.Lookup) int {
	switch l {
	case engine.LookupOff:
		return 0
	case engine.LookupCopies:
		return 8
	}
	return 12
}

// layOut turns a conversation into segments.
func (e *Engine) layOut(r *engine.ChatRequest) (prompt.Prompt, error) {
	if e.info.Can.Embed {
		return prompt.Prompt{}, &fault.Error{Kind: fault.Unsupported, Msg: fmt.Sprintf("%s is an embedding model and cannot chat", e.name), Advice: "Use an instruct model."}
	}
	return e.format.Chat(r)
}

// fill returns the tokens of a completion's prompt. A text without a suffix is continued
// as it is, also by an infill model.
func (e *Engine) fill(r *engine.CompletionRequest) ([]token, error) {
	if len(r.Tokens) > 0 {
		for _, id := range r.Tokens {
			if id < 0 || int(id) >= e.instance.m.vocabulary() {
				return nil, &fault.Error{Kind: fault.Invalid, Param: "tokens", Msg: fmt.Sprintf("invalid token %d: the vocabulary has %d", id, e.instance.m.vocabulary())}
			}
		}
		return slices.Clone(r.Tokens), nil
	}
	if r.Suffix == "" {
		return e.begun(r.Prompt), nil
	}
	return e.gap(r)
}

// begun is a text as the beginning of what the model writes.
func (e *Engine) begun(text string) []token {
	var ids []token
	if m := e.instance.m; m.addBOS() && m.bos() >= 0 {
		ids = append(ids, m.bos())
	}
	return append(ids, e.vocab.Encode(text, false)...)
}

// gap is the prompt for what lies between two texts.
func (e *Engine) gap(r *engine.CompletionRequest) ([]token, error) {
	if e.format == nil || !e.info.Can.FIM {
		return nil, &fault.Error{Kind: fault.Unsupported, Msg: fmt.Sprintf("%s cannot fill in the middle", e.name), Advice: "Use a code model, such as Codestral."}
	}
	p, err := e.format.Fill(r.Prompt, r.Suffix)
	if err != nil {
		return nil, err
	}
	ids, _, err := e.encode(p)
	return ids, err
}
