package math

import (
	"cmp"
	"slices"
)

// A Group is answers that are equal.
type Group struct {
	Answer   Answer // the first of them
	Choices  []int  // which solutions have it, in the order in which they ended
	Shortest int    // of them, the one with the shortest solution
}

// A Tally counts answers. The zero Tally has none.
type Tally struct {
	groups []Group
	length map[int]int // of the solutions, in bytes
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

// Groups are the answers, the most frequent first, and of equally frequent ones
// the one that came first.
func (t *Tally) Groups() []Group {
	groups := slices.Clone(t.groups)
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(len(b.Choices), len(a.Choices)) })
	return groups
}

// None is how many solutions had no answer.
func (t *Tally) None() int { return t.none }

// Counted is how many solutions were counted.
func (t *Tally) Counted() int {
	n := t.none
	for _, g := range t.groups {
		n += len(g.Choices)
	}
	return n
}

// Decided reports whether no answer can overtake the first any more when so many
// solutions are counted in all.
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
