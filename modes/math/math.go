// Package math is the mode for mathematics: it asks for a worked solution, or for
// several at once, finds the final answer of each, counts which mean the same, and
// computes what can be computed of the one that most agree on.
//
// Votes are choices of one request, so that the engine reads the problem once and
// decodes them in one batch; they end as soon as the lead cannot be overtaken.
// What models write is foreign text: expressions are bounded in length, depth and
// the size of their numbers.
package math

import (
	"context"
	"iter"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// MaxVotes is how many solutions can be asked for at once.
const MaxVotes = 64

// instruction is what MATH is commonly measured with; it makes any model mark its
// answer, and Mathstral was trained on solutions that do.
const instruction = "Reason step by step, and put the final answer within \\boxed{}."

// A Problem is what is to be solved.
type Problem struct {
	Text     string
	Votes    int // solutions to ask for; 0 and 1: one
	Sampling engine.Sampling
	// Before are earlier turns, when the problem is a question about a solution.
	Before []engine.Message
}

// Request asks for the solutions. One is decoded greedily and several at
// temperature 0.7, as maj@k is measured, where the sampling says nothing.
func (p Problem) Request() engine.ChatRequest {
	r := engine.ChatRequest{Sampling: p.Sampling, Overflow: engine.OverflowDropOldest}
	r.Messages = append(r.Messages, p.Before...)
	r.Messages = append(r.Messages, engine.Message{Role: engine.User, Content: engine.Text(strings.TrimSpace(p.Text) + "\n\n" + instruction)})
	r.N = max(1, p.Votes)
	if r.Temperature == nil {
		t := 0.0
		if r.N > 1 {
			t = 0.7
		}
		r.Temperature = &t
	}
	return r
}

// Label says how far an answer can be relied on.
type Label string

const (
	Unchecked Label = "unchecked"
	Voted     Label = "voted"   // most of several solutions agree
	Checked   Label = "checked" // computing agrees
)

// A Solution is one that a model has written, or is writing.
type Solution struct {
	Text     string
	Thinking string
	Ended    bool
	Reason   engine.FinishReason
	Answer   Answer // once it has ended
}

// A Session is the solving of one problem. It takes an engine's events and can be
// looked at between them. It belongs to one goroutine.
type Session struct {
	Problem   Problem
	Solutions []Solution
	Tally     Tally
	Usage     engine.Usage   // zero when the votes ended early
	Timings   engine.Timings // likewise
}

// NewSession begins with nothing solved.
func NewSession(p Problem) *Session {
	return &Session{Problem: p, Solutions: make([]Solution, max(1, p.Votes))}
}

// Add takes an event.
func (s *Session) Add(e engine.Event) {
	switch e := e.(type) {
	case engine.TextDelta:
		if v := s.at(e.Choice); v != nil {
			v.Text += e.Text
		}
	case engine.ThinkingDelta:
		if v := s.at(e.Choice); v != nil {
			v.Thinking += e.Text
		}
	case engine.Finish:
		v := s.at(e.Choice)
		if v == nil || v.Ended {
			return
		}
		v.Ended, v.Reason = true, e.Reason
		v.Answer = Extract(v.Text)
		if e.Reason != engine.FinishStop && v.Answer.How != Boxed {
			v.Answer = Answer{} // it was cut off: what stands last is a step, not the answer
		}
		s.Tally.Add(e.Choice, v.Answer, v.Text)
	case engine.Done:
		s.Usage, s.Timings = e.Usage, e.Timings
	}
}

func (s *Session) at(choice int) *Solution {
	if choice < 0 || choice >= len(s.Solutions) {
		return nil
	}
	return &s.Solutions[choice]
}

// Decided reports whether what is still being written cannot change the answer.
func (s *Session) Decided() bool { return s.Tally.Decided(len(s.Solutions)) }

// Leading is the solution to show: the shortest of those that agree most, or, as
// long as none has ended, the one that is furthest.
func (s *Session) Leading() int {
	if groups := s.Tally.Groups(); len(groups) > 0 {
		return groups[0].Shortest
	}
	best := 0
	for i, v := range s.Solutions {
		if len(v.Text) > len(s.Solutions[best].Text) {
			best = i
		}
	}
	return best
}

// A Result is what came of a problem.
type Result struct {
	Answer   Answer // zero when no solution had one
	Solution Solution
	Agree    int // solutions with this answer
	Votes    int // solutions that were counted
	Label    Label
	Check    *Check // what was computed; nil when there was nothing to compute
	Groups   []Group
}

// Result is the answer as it stands. Of answers that equally many agree on, one
// that computing confirms comes first.
func (s *Session) Result() Result {
	groups := s.Tally.Groups()
	r := Result{Votes: s.Tally.Counted(), Groups: groups, Label: Unchecked}
	if len(groups) == 0 {
		r.Solution = s.Solutions[s.Leading()]
		return r
	}
	first := 0
	for i, g := range groups {
		if len(g.Choices) < len(groups[0].Choices) {
			break
		}
		c, ok := Verify(s.Problem.Text, s.Solutions[g.Shortest].Text, g.Answer)
		if i == 0 && ok {
			r.Check = &c
		}
		if ok && c.OK {
			first, r.Check = i, &c
			break
		}
	}
	g := groups[first]
	if first > 0 {
		groups[0], groups[first] = groups[first], groups[0]
	}
	r.Answer, r.Solution, r.Agree = s.Solutions[g.Shortest].Answer, s.Solutions[g.Shortest], len(g.Choices)
	switch {
	case r.Check != nil && r.Check.OK:
		r.Label = Checked
	case len(s.Solutions) > 1 && 2*r.Agree > r.Votes:
		r.Label = Voted
	}
	return r
}

// Follow takes a request's events and passes them on, and ends when what is still
// being written cannot change the answer; leaving an engine's events is what stops
// it. Done does not come then.
func (s *Session) Follow(events iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for event, err := range events {
			if err == nil {
				s.Add(event)
			}
			if !yield(event, err) || err != nil {
				return
			}
			if _, ended := event.(engine.Finish); ended && s.Tally.Counted() < len(s.Solutions) && s.Decided() {
				return
			}
		}
	}
}

// Solve asks an engine until the answer is certain, and calls watch after each
// event. It returns what there is also when it fails or is cancelled.
func Solve(ctx context.Context, e engine.Engine, p Problem, watch func(*Session, engine.Event)) (Result, error) {
	s := NewSession(p)
	for event, err := range s.Follow(e.Chat(ctx, p.Request())) {
		if err != nil {
			return s.Result(), err
		}
		if watch != nil {
			watch(s, event)
		}
	}
	return s.Result(), nil
}
