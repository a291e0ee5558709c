// Package math solves mathematical problems: it requests one or several worked
// solutions, extracts their final answers, counts equal answers as votes, and verifies
// the winning answer by computation where possible.
//
// The solutions are choices of one request, so that the engine evaluates the problem
// once and decodes the solutions in one batch. Decoding stops when the remaining votes
// cannot change the winner. The output of models is untrusted: expressions are bounded
// in length, depth and the size of their numbers.
package math

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// MaxVotes is the maximum number of solutions.
const MaxVotes = 64

// instruction is the usual prompt of the MATH benchmark. It makes models mark the
// answer; Mathstral was trained on solutions in this format.
const instruction = "Reason step by step, and put the final answer within \\boxed{}."

// A Problem is a problem to solve.
type Problem struct {
	Text  string
	Votes int // number of solutions; 0 means 1
	// Sampling has the user's settings. Its temperature is one for chats and is not used.
	Sampling engine.Sampling
	// Temperature is the one that the user sets; nil: the default of the mode.
	Temperature *float64
	// Images show the problem. They come before its words.
	Images engine.Content
	// Before has the earlier turns, if the problem is a question about a solution.
	Before []engine.Message
	// Effort is the reasoning effort; "": the model's default.
	Effort string
}

// Request asks for the solutions. One is decoded greedily and several at
// temperature 0.7, as maj@k is measured, unless the user asks for a temperature.
func (p Problem) Request() engine.ChatRequest {
	r := engine.ChatRequest{Sampling: p.Sampling, ReasoningEffort: p.Effort, Overflow: engine.OverflowDropOldest}
	r.Messages = append(r.Messages, p.Before...)
	text := engine.Text(strings.TrimSpace(p.Text) + "\n\n" + instruction)
	r.Messages = append(r.Messages, engine.Message{Role: engine.User, Content: slices.Concat(p.Images, text)})
	r.N = max(1, p.Votes)
	if r.Temperature = p.Temperature; r.Temperature == nil {
		t := 0.0
		if r.N > 1 {
			t = 0.7
		}
		r.Temperature = &t
	}
	return r
}

// Label is the reliability of an answer.
type Label string

const (
	Unchecked Label = "unchecked"
	Voted     Label = "voted"   // the majority of several solutions agrees
	Checked   Label = "checked" // confirmed by computation
)

// A Solution is a worked solution, complete or still being generated.
type Solution struct {
	Text     string
	Thinking string
	Ended    bool
	Reason   engine.FinishReason
	Answer   Answer // set when Ended
}

// Cut reports whether the solution was cut off before a box marked its answer. Its answer
// may be a step.
func (s Solution) Cut() bool { return isCutOff(s.Reason) && s.Answer.How != Boxed }

// isCutOff reports whether a solution that ended for this reason is incomplete.
func isCutOff(reason engine.FinishReason) bool {
	return reason != "" && reason != engine.FinishStop && reason != engine.FinishRefusal
}

// A Session collects the solutions of one problem from an engine's events. It is not
// safe for concurrent use.
type Session struct {
	Problem   Problem
	Solutions []Solution
	Tally     Tally
	Usage     engine.Usage   // zero if voting stopped early
	Timings   engine.Timings // zero if voting stopped early
}

// NewSession returns an empty session.
func NewSession(p Problem) *Session {
	return &Session{Problem: p, Solutions: make([]Solution, max(1, p.Votes))}
}

// Add processes an event.
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
		if e.Reason != engine.FinishRefusal {
			v.Answer = extract(v.Text, isCutOff(e.Reason))
		}
		s.Tally.Add(e.Choice, *v)
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

// Decided reports whether the remaining solutions cannot change the answer.
func (s *Session) Decided() bool { return s.Tally.Decided(len(s.Solutions)) }

// Leading returns the index of the solution to show: the shortest one with the most
// frequent answer or, before the first solution has ended, the longest.
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

// A Result is the result of solving a problem.
type Result struct {
	Answer   Answer // zero if no solution has one
	Solution Solution
	Agree    int // number of solutions with this answer
	Votes    int // number of counted solutions
	Cut      int // how many of them were cut off
	Label    Label
	Check    *Check // nil if the answer cannot be verified
	Groups   []Group
}

// Result returns the current result. Among equally frequent answers, it prefers one
// that computation confirms.
func (s *Session) Result() Result {
	groups := s.Tally.Groups()
	r := Result{Votes: s.Tally.Counted(), Cut: s.Tally.cut, Groups: groups, Label: Unchecked}
	if len(groups) == 0 {
		r.Solution = s.Solutions[s.Leading()]
		return r
	}
	first := 0
	for i, g := range groups {
		if compareVotes(g, groups[0]) != 0 {
			break
		}
		c, ok := s.verify(g)
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
	case len(s.Solutions) > 1 && 2*g.complete() > r.Votes:
		r.Label = Voted
	}
	return r
}

// verify verifies the answer of a group. The equations of a solution that was cut off can be
// about a step, so only those of the problem count.
func (s *Session) verify(g Group) (Check, bool) {
	solution := s.Solutions[g.Shortest]
	if solution.Cut() {
		return verify(s.Problem.Text, "", g.Answer)
	}
	return verify(s.Problem.Text, solution.Text, g.Answer)
}

// Follow adds the events of a request to the session and yields them. It stops the
// engine when the remaining solutions cannot change the answer; no Done event follows
// in that case.
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

// Solve solves a problem and calls watch after each event. It returns the result so
// far also in case of an error or cancellation.
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
