//go:build cgo

package llama

import (
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// choose samples the next token of an answer from the logits of its row.
func (s *scheduler) choose(a *answer) {
	var banned []token
	if a.count < a.job.min {
		banned = s.enders(a.job)
	}
	id, probs, ok := a.sampler.sample(s.x, a.row, banned, a.job.top)
	a.row = -1
	if !ok && len(a.steps) > 0 && len(s.m.enders) > 0 && !a.sampler.fits(s.m.enders[0]) {
		s.fail(a.job, &fault.Error{
			Kind: fault.Unsupported, Msg: "the answer stopped in the middle: the model has no token that continues what the grammar allows",
			Advice: "Try a simpler schema or grammar, or another model.",
		})
		return
	}
	if !ok || s.ends(a, id) {
		if ok && a.job.scored {
			a.logprobs = append(a.logprobs, s.logprob(probs))
		}
		// The grammar of a step allows its end only where it is complete.
		s.nextStep(a)
		return
	}
	s.take(a, id, probs)
}

func (s *scheduler) ends(a *answer, id token) bool {
	return s.m.ends(id) || slices.Contains(a.job.ends, id)
}

// enders are the tokens that would end an answer.
func (s *scheduler) enders(j *job) []token {
	if len(j.ends) == 0 {
		return s.m.enders
	}
	return append(slices.Clone(s.m.enders), j.ends...)
}

// nextStep ends the answer or continues with its next forced part.
func (s *scheduler) nextStep(a *answer) {
	if len(a.steps) < 2 {
		if a.job.schema != nil {
			if err := a.job.schema.Check(a.whole.String()); err != nil {
				s.fail(a.job, &fault.Error{
					Kind: fault.Internal, Msg: "the answer does not satisfy the JSON schema: " + err.Error(),
					Advice: "Try again, or use a simpler schema.",
				})
				return
			}
		}
		s.end(a, engine.FinishStop)
		return
	}
	a.steps = a.steps[1:]
	next := &a.steps[0]
	grammar := next.grammar
	if next.by != nil {
		grammar = next.by[strings.TrimSpace(a.written.String())]
	}
	a.written.Reset()
	if err := a.sampler.constrain(grammar); err != nil {
		s.fail(a.job, &fault.Error{Kind: fault.Invalid, Param: "response_format", Msg: "the grammar cannot be used: " + err.Error()})
		return
	}
	s.force(a)
}

// force writes the forced tokens of a step.
func (s *scheduler) force(a *answer) {
	for _, id := range a.steps[0].force {
		a.sampler.accept(id)
		if s.take(a, id, nil); a.ended {
			return
		}
	}
	a.written.Reset()
	if len(a.next) == 0 {
		s.end(a, engine.FinishStop)
	}
}

// take records a chosen token and emits the text that is final.
func (s *scheduler) take(a *answer, id token, probs []prob) {
	j := a.job
	a.next = append(a.next, id)
	a.count++
	j.generated++
	if j.first.IsZero() {
		j.first = time.Now()
	}
	if probs != nil {
		a.logprobs = append(a.logprobs, s.logprob(probs))
	}
	if s.m.control(id) {
		s.say(a, a.text.flush())
		if a.reader != nil {
			s.emit(a, a.reader.Control(s.pieces.of(id)))
		}
	} else {
		if a.job.schema != nil {
			a.whole.WriteString(s.pieces.of(id))
		}
		if len(a.steps) > 1 {
			a.written.WriteString(s.pieces.of(id))
		}
		out, stopped := a.text.write(s.pieces.of(id))
		s.say(a, out)
		if stopped {
			s.end(a, engine.FinishStop)
			return
		}
	}
	switch {
	case j.max >= 0 && a.count >= j.max:
		s.end(a, engine.FinishLength)
	case len(a.slot.tokens)+len(a.next) >= s.bound():
		s.end(a, engine.FinishModelLength)
	}
}

// say emits text, through the reader in a chat.
func (s *scheduler) say(a *answer, out string) {
	if out == "" {
		return
	}
	if a.reader != nil {
		s.emit(a, a.reader.Text(out))
		return
	}
	s.emit(a, []engine.Event{engine.TextDelta{Text: out}})
}

// emit sets the choice of events and sends them.
func (s *scheduler) emit(a *answer, events []engine.Event) {
	for _, ev := range events {
		switch e := ev.(type) {
		case engine.TextDelta:
			e.Choice = a.choice
			e.Logprobs, a.logprobs = a.logprobs, nil
			ev = e
		case engine.ThinkingDelta:
			e.Choice = a.choice
			a.logprobs = nil
			ev = e
		case engine.ToolCallDelta:
			e.Choice = a.choice
			a.logprobs = nil
			ev = e
			if a.calls++; a.calls > 1 && a.job.oneCall {
				continue
			}
		}
		a.job.out.put(ev)
	}
}

// end ends one answer.
func (s *scheduler) end(a *answer, reason engine.FinishReason) {
	s.say(a, a.text.flush())
	if a.reader != nil {
		events, called := a.reader.End()
		s.emit(a, events)
		if called && reason == engine.FinishStop {
			reason = engine.FinishToolCalls
		}
	}
	if len(a.logprobs) > 0 {
		s.emit(a, []engine.Event{engine.TextDelta{}}) // of tokens without text
	}
	s.release(a)
	a.job.out.put(engine.Finish{Choice: a.choice, Reason: reason})
}

// release frees an answer's slot. The conversation of the first answer stays in memory to
// be continued.
func (s *scheduler) release(a *answer) {
	if a.ended {
		return
	}
	a.ended = true
	a.sampler.free()
	a.slot.busy, a.slot.used = false, s.clock
	if a.choice > 0 {
		s.clear(a.slot)
	}
}

// finish ends a job whose answers have all ended.
func (s *scheduler) finish(j *job) {
	if j.ended || len(j.answers) == 0 || slices.ContainsFunc(j.answers, func(a *answer) bool { return !a.ended }) {
		return
	}
	j.ended = true
	now := time.Now()
	cached := j.cachedNow()
	t := engine.Timings{
		Queue:     j.admitted.Sub(j.arrived),
		Restore:   j.restore,
		Prefill:   j.prefilled.Sub(j.admitted) - j.restore,
		Evaluated: j.evaluated,
		Generated: j.generated,
	}
	if !j.first.IsZero() {
		t.FirstToken = j.first.Sub(j.arrived)
		t.Decode = now.Sub(j.first)
	}
	j.out.put(engine.Done{
		Usage: engine.Usage{
			PromptTokens: len(j.prompt), CompletionTokens: j.generated, TotalTokens: len(j.prompt) + j.generated,
			PromptDetails: &engine.PromptTokensDetails{CachedTokens: cached},
		},
		Timings: t,
	})
	j.out.end(nil)
}

// fail ends a job with an error. What it evaluated stays in its slot.
func (s *scheduler) fail(j *job, err error) {
	if j.ended {
		return
	}
	j.ended = true
	for _, a := range j.answers {
		s.release(a)
	}
	j.out.end(err)
}

// logprob turns sampled probabilities into the form of an answer.
func (s *scheduler) logprob(probs []prob) engine.Logprob {
	out := s.oneLogprob(probs[0])
	for _, p := range probs[1:] {
		out.Top = append(out.Top, s.oneLogprob(p))
	}
	return out
}

func (s *scheduler) oneLogprob(p prob) engine.Logprob {
	piece := s.pieces.of(p.id)
	l := engine.Logprob{Token: toValid(piece), ID: p.id, Logprob: p.logprob, Bytes: make([]int, len(piece))}
	for i := range len(piece) {
		l.Bytes[i] = int(piece[i])
	}
	return l
}
