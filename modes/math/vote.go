package math

import (
	"cmp"
	"slices"
)

// A Group is a group of equal answers.
type Group struct {
	Answer   Answer // the first
	Choices  []int  // the solutions with this answer, in the order in which they ended
	Shortest int    // the shortest of these solutions
}

// A Tally counts answers. The zero Tally is empty.
type Tally struct {
	groups []Group
	length map[int]int // bytes of each solution
	none   int         // solutions without an answer
}

// Add counts the answer of a solution.
func (t *Tally) Add(choice int, a Answer, solution string) {
	if a.How == None {
		t.none++
		return
	}
	if t.length == nil {
		t.length = map[int]int{}
	}
	t.length[choice] = len(solution)
	for i := range t.groups {
		g := &t.groups[i]
		if Equal(g.Answer.Value, a.Value) {
			g.Choices = append(g.Choices, choice)
			if len(solution) < t.length[g.Shortest] {
				g.Shortest = choice
			}
			return
		}
	}
	t.groups = append(t.groups, Group{Answer: a, Choices: []int{choice}, Shortest: choice})
}

// Groups returns the answers, the most frequent first. Equally frequent answers keep
// the order in which they ended.
func (t *Tally) Groups() []Group {
	groups := slices.Clone(t.groups)
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(len(b.Choices), len(a.Choices)) })
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
		second = len(groups[1].Choices)
	}
	return len(groups[0].Choices) > second+left
}
