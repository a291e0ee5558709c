package math

import (
	"cmp"
	"slices"
)

// A Group is a group of equal answers.
type Group struct {
	Answer   Answer // the first
	Choices  []int  // the solutions with this answer, in the order in which they ended
	Cut      int    // how many of them were cut off
	Shortest int    // the shortest of these solutions; a complete one, if there is any
}

// complete returns how many solutions with this answer are complete.
func (g Group) complete() int { return len(g.Choices) - g.Cut }

// compareVotes orders the group with more votes first. A solution that was cut off counts only
// between groups with equally many complete ones: its answer may be a step.
func compareVotes(a, b Group) int {
	return cmp.Or(cmp.Compare(b.complete(), a.complete()), cmp.Compare(b.Cut, a.Cut))
}

// A Tally counts answers. The zero Tally is empty.
type Tally struct {
	groups    []Group
	solutions map[int]Solution // those with an answer
	none      int              // solutions without an answer
	cut       int              // solutions that were cut off, with an answer or without
}

// Add counts the answer of a solution.
func (t *Tally) Add(choice int, s Solution) {
	if s.Cut() {
		t.cut++
	}
	if s.Answer.How == None {
		t.none++
		return
	}
	if t.solutions == nil {
		t.solutions = map[int]Solution{}
	}
	t.solutions[choice] = s
	i := slices.IndexFunc(t.groups, func(g Group) bool { return Equal(g.Answer.Value, s.Answer.Value) })
	if i < 0 {
		i = len(t.groups)
		t.groups = append(t.groups, Group{Answer: s.Answer, Shortest: choice})
	}
	g := &t.groups[i]
	g.Choices = append(g.Choices, choice)
	if s.Cut() {
		g.Cut++
	}
	if best := t.solutions[g.Shortest]; best.Cut() && !s.Cut() || best.Cut() == s.Cut() && len(s.Text) < len(best.Text) {
		g.Shortest = choice
	}
}

// Groups returns the answers, the most frequent first. Equally frequent answers keep
// the order in which they ended.
func (t *Tally) Groups() []Group {
	groups := slices.Clone(t.groups)
	slices.SortStableFunc(groups, compareVotes)
	return groups
}

// None returns the number of solutions without an answer.
func (t *Tally) None() int { return t.none }

// Counted returns the number of counted solutions.
func (t *Tally) Counted() int {
	n := t.none
	for _, g := range t.groups {
		n += len(g.Choices)
	}
	return n
}

// Decided reports whether no other answer can overtake the first, given the total
// number of solutions.
func (t *Tally) Decided(all int) bool {
	groups := t.Groups()
	left := all - t.Counted()
	if left <= 0 {
		return true
	}
	if len(groups) == 0 {
		return false
	}
	second := 0
	if len(groups) > 1 {
		second = groups[1].complete()
	}
	return groups[0].complete() > second+left
}
