package scheduler

import (
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// choose samples the next token of an answer from the logits of its row.
func (s *Scheduler) choose(a *answer) {
	var banned []Token
	if a.count < a.job.Min {
		banned = s.enders(a.job)
	}
	id, probs, ok := a.sampler.Sample(a.row, banned, a.job.Top)
	a.row = -1
	if enders := s.x.Enders(); !ok && len(a.steps) > 0 && len(enders) > 0 && !a.sampler.Fits(enders[0]) {
		s.fail(a.job, &fault.Error{
			Kind: fault.Unsupported, Msg: "the answer stopped in the middle: the model has no token that continues what the grammar allows",
			Advice: "Try a simpler schema or grammar, or another model.",
		})
		return
	}
	if !ok || s.ends(a, id) {
		if ok && a.job.Scored {
			a.logprobs = append(a.logprobs, s.logprob(probs))
		}
		// The grammar of a step allows its end only where it is complete.
		s.nextStep(a)
		return
	}
	s.take(a, id, probs)
}

func (s *Scheduler) ends(a *answer, id Token) bool {
	return slices.Contains(s.x.Enders(), id) || slices.Contains(a.job.Ends, id)
}

// enders are the tokens that would end an answer.
func (s *Scheduler) enders(j *Job) []Token {
	if len(j.Ends) == 0 {
		return s.x.Enders()
	}
	return append(slices.Clone(s.x.Enders()), j.Ends...)
}

// nextStep ends the answer or continues with its next forced part, when the grammar of that
// is built.
func (s *Scheduler) nextStep(a *answer) {
	if len(a.steps) < 2 {
		if a.job.Schema != nil {
			if err := a.job.Schema.Check(a.whole.String()); err != nil {
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
	grammar := a.steps[0].Grammar
	if by := a.steps[0].By; by != nil {
		grammar = by[strings.TrimSpace(a.written.String())]
	}
	a.written.Reset()
	s.build(a, grammar)
}

// build gives the sampler of an answer another grammar, beside the scheduler: others do not
// wait for it.
func (s *Scheduler) build(a *answer, grammar string) {
	a.building = true
	s.builds++
	go func() {
		err := a.sampler.Constrain(a.job.ctx, grammar)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, func() {
			a.building = false
			s.builds--
			switch {
			case a.ended:
				a.sampler.Free()
			case err != nil:
				s.fail(a.job, err)
			default:
				s.force(a)
				s.finish(a.job)
			}
		})
		s.signal()
	}()
}

// force writes the forced tokens of a step.
func (s *Scheduler) force(a *answer) {
	for _, id := range a.steps[0].Force {
		a.sampler.Accept(id)
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
func (s *Scheduler) take(a *answer, id Token, probs []Prob) {
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
	if s.x.Control(id) {
		s.say(a, a.text.Flush())
		if a.reader != nil {
			s.emit(a, a.reader.Control(s.x.Piece(id)))
		}
	} else {
		if a.job.Schema != nil {
			a.whole.WriteString(s.x.Piece(id))
		}
		if len(a.steps) > 1 {
			a.written.WriteString(s.x.Piece(id))
		}
		out, stopped := a.text.Write(s.x.Piece(id))
		s.say(a, out)
		if stopped {
			s.end(a, engine.FinishStop)
			return
		}
	}
	switch {
	case j.Max >= 0 && a.count >= j.Max:
		s.end(a, engine.FinishLength)
	case len(a.slot.tokens)+len(a.next) >= s.Bound():
		s.end(a, engine.FinishModelLength)
	}
}

// say emits text, through the reader in a chat.
func (s *Scheduler) say(a *answer, out string) {
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
func (s *Scheduler) emit(a *answer, events []engine.Event) {
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
			if a.calls++; a.calls > 1 && a.job.OneCall {
				continue
			}
		}
		a.job.out.put(ev)
	}
}

// end ends one answer.
func (s *Scheduler) end(a *answer, reason engine.FinishReason) {
	s.say(a, a.text.Flush())
	if a.reader != nil {
		events, called := a.reader.End(reason == engine.FinishLength || reason == engine.FinishModelLength)
		s.emit(a, events)
		if called && reason == engine.FinishStop {
			reason = engine.FinishToolCalls
		}
	}
	if len(a.logprobs) > 0 {
		s.emit(a, []engine.Event{engine.TextDelta{}}) // of tokens without text
	}
	s.release(a)
	a.job.out.put(engine.Finish{Choice: a.choice, Reason: reason, Stop: a.text.Found})
}

// release frees an answer's slot. The conversation of the first answer stays in memory to
// be continued.
func (s *Scheduler) release(a *answer) {
	if a.ended {
		return
	}
	a.ended = true
	if !a.building { // else its end frees it
		a.sampler.Free()
	}
	a.slot.busy, a.slot.used = false, s.clock
	if a.choice > 0 {
		s.clear(a.slot)
	}
}

// finish ends a job whose answers have all ended.
func (s *Scheduler) finish(j *Job) {
	if j.ended || len(j.answers) == 0 || slices.ContainsFunc(j.answers, func(a *answer) bool { return !a.ended }) {
		return
	}
	s.ended(j)
	now := time.Now()
	cached := j.cachedNow()
	t := engine.Timings{
		Queue:     j.admitted.Sub(j.Arrived),
		Restore:   j.restore,
		Prefill:   j.prefilled.Sub(j.admitted) - j.restore,
		Evaluated: j.evaluated,
		Generated: j.generated,
		Drafted:   j.drafted,
		Accepted:  j.accepted,
	}
	if !j.first.IsZero() {
		t.FirstToken = j.first.Sub(j.Arrived)
		t.Decode = now.Sub(j.first)
	}
	j.out.put(engine.Done{
		Usage: engine.Usage{
			PromptTokens: len(j.Prompt), CompletionTokens: j.generated, TotalTokens: len(j.Prompt) + j.generated,
			PromptDetails: &engine.PromptTokensDetails{CachedTokens: cached},
		},
		Timings: t,
	})
	j.out.end(nil)
}

// fail ends a job with an error. What it evaluated stays in its slot.
func (s *Scheduler) fail(j *Job, err error) {
	if j.ended {
		return
	}
	s.ended(j)
	for _, a := range j.answers {
		s.release(a)
	}
	if len(j.answers) == 0 {
		j.Free()
	}
	j.out.end(err)
}

func (s *Scheduler) ended(j *Job) {
	j.ended = true
	j.cancel()
	s.over++
	s.watchdog.beat()
}

// logprob turns sampled probabilities into the form of an answer.
func (s *Scheduler) logprob(probs []Prob) engine.Logprob {
	out := s.oneLogprob(probs[0])
	for _, p := range probs[1:] {
		out.Top = append(out.Top, s.oneLogprob(p))
	}
	return out
}

func (s *Scheduler) oneLogprob(p Prob) engine.Logprob {
	piece := s.x.Piece(p.ID)
	l := engine.Logprob{Token: strings.ToValidUTF8(piece, "\uFFFD"), ID: p.ID, Logprob: p.Logprob, Bytes: make([]int, len(piece))}
	for i := range len(piece) {
		l.Bytes[i] = int(piece[i])
	}
	return l
}
