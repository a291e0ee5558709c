package grammar

import (
	"errors"
	"slices"
	"unicode"
)

// A lang is a regular language over runes: a deterministic automaton whose state 0
// is the start. A rune without an arc leads nowhere.
type lang struct{ states []state }

type state struct {
	accept bool
	arcs   []arc // by lo, disjoint
}

type arc struct {
	lo, hi rune
	to     int
}

// maxStates is how many states an automaton may have.
const maxStates = 20_000

var errStates = errors.New("it is too complex: its automaton has more than 20,000 states")

func (l *lang) next(s int, r rune) int {
	for _, a := range l.states[s].arcs {
		if a.lo <= r && r <= a.hi {
			return a.to
		}
	}
	return -1
}

func (l *lang) has(text string) bool {
	s := 0
	for _, r := range text {
		if s = l.next(s, r); s < 0 {
			return false
		}
	}
	return l.states[s].accept
}

// empty is right for a trimmed language only.
func (l *lang) empty() bool { return !l.states[0].accept && len(l.states[0].arcs) == 0 }

// trim removes the states that no accepted text passes through.
func (l *lang) trim() *lang {
	from := make([][]int, len(l.states))
	for i, s := range l.states {
		for _, a := range s.arcs {
			from[a.to] = append(from[a.to], i)
		}
	}
	alive := make([]bool, len(l.states))
	var todo []int
	for i, s := range l.states {
		if s.accept {
			alive[i] = true
			todo = append(todo, i)
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range from[i] {
			if !alive[j] {
				alive[j] = true
				todo = append(todo, j)
			}
		}
	}
	renamed := make([]int, len(l.states))
	out := &lang{}
	for i, s := range l.states {
		if alive[i] || i == 0 {
			renamed[i] = len(out.states)
			out.states = append(out.states, s)
		}
	}
	for i := range out.states {
		s := &out.states[i]
		arcs := make([]arc, 0, len(s.arcs))
		for _, a := range s.arcs {
			if alive[a.to] {
				a.to = renamed[a.to]
				if n := len(arcs); n > 0 && arcs[n-1].to == a.to && arcs[n-1].hi+1 == a.lo {
					arcs[n-1].hi = a.hi
				} else {
					arcs = append(arcs, a)
				}
			}
		}
		s.arcs = arcs
	}
	return out
}

func and(a, b bool) bool    { return a && b }
func or(a, b bool) bool     { return a || b }
func butNot(a, b bool) bool { return a && !b }

// combine returns the texts that keep says to keep, given whether each language has them.
func combine(a, b *lang, keep func(inA, inB bool) bool) (*lang, error) {
	type pair struct{ a, b int } // -1: no continuation is accepted
	ids := map[pair]int{{0, 0}: 0}
	todo := []pair{{0, 0}}
	out := &lang{}
	for i := 0; i < len(todo); i++ {
		if len(todo) > maxStates {
			return nil, errStates
		}
		p := todo[i]
		var s state
		var inA, inB bool
		var arcsA, arcsB []arc
		if p.a >= 0 {
			inA, arcsA = a.states[p.a].accept, a.states[p.a].arcs
		}
		if p.b >= 0 {
			inB, arcsB = b.states[p.b].accept, b.states[p.b].arcs
		}
		s.accept = keep(inA, inB)
		for _, piece := range overlay(arcsA, arcsB) {
			to := pair{piece.a, piece.b}
			if !keep(to.a >= 0, to.b >= 0) && !keep(to.a >= 0, false) && !keep(false, to.b >= 0) {
				continue
			}
			id, ok := ids[to]
			if !ok {
				id = len(todo)
				ids[to] = id
				todo = append(todo, to)
			}
			s.arcs = append(s.arcs, arc{piece.lo, piece.hi, id})
		}
		out.states = append(out.states, s)
	}
	return out.trim(), nil
}

type piece struct {
	lo, hi rune
	a, b   int
}

// overlay splits the runes so that each piece has one target in both lists.
func overlay(a, b []arc) []piece {
	var out []piece
	i, j := 0, 0
	at := rune(0)
	for i < len(a) || j < len(b) {
		p := piece{lo: at, hi: unicode.MaxRune, a: -1, b: -1}
		if i < len(a) {
			if a[i].lo > at {
				p.hi = min(p.hi, a[i].lo-1)
			} else {
				p.a, p.hi = a[i].to, min(p.hi, a[i].hi)
			}
		}
		if j < len(b) {
			if b[j].lo > at {
				p.hi = min(p.hi, b[j].lo-1)
			} else {
				p.b, p.hi = b[j].to, min(p.hi, b[j].hi)
			}
		}
		if p.a >= 0 || p.b >= 0 {
			out = append(out, p)
		}
		at = p.hi + 1
		for i < len(a) && a[i].hi < at {
			i++
		}
		for j < len(b) && b[j].hi < at {
			j++
		}
	}
	return out
}

// everything is the language of all texts.
func everything() *lang {
	return &lang{[]state{{true, []arc{{0, unicode.MaxRune, 0}}}}}
}

// ofLength is the language of texts of min to max runes; max < 0 means no bound.
func ofLength(min, max int) (*lang, error) {
	last := max
	if max < 0 {
		last = min
	}
	if last >= maxStates {
		return nil, errStates
	}
	l := &lang{}
	for n := 0; n <= last; n++ {
		s := state{accept: n >= min}
		switch {
		case n < last:
			s.arcs = []arc{{0, unicode.MaxRune, n + 1}}
		case max < 0:
			s.arcs = []arc{{0, unicode.MaxRune, n}}
		}
		l.states = append(l.states, s)
	}
	return l, nil
}

// ofTexts is the language of some texts.
func ofTexts(texts []string) *lang {
	l := &lang{[]state{{}}}
	for _, t := range texts {
		at := 0
		for _, r := range t {
			to := l.next(at, r)
			if to < 0 {
				to = len(l.states)
				l.states = append(l.states, state{})
				s := &l.states[at]
				i, _ := slices.BinarySearchFunc(s.arcs, r, func(a arc, r rune) int { return int(a.lo - r) })
				s.arcs = slices.Insert(s.arcs, i, arc{r, r, to})
			}
			at = to
		}
		l.states[at].accept = true
	}
	return l
}

// multiplesOf is the language of the multiples of n. They may have a minus sign and leading
// zeros.
func multiplesOf(n int) *lang {
	// State 0 is the start, 1 follows the sign, 2+r has the remainder r.
	l := &lang{make([]state, n+2)}
	digits := func(s, remainder int) {
		for d := range 10 {
			r := rune('0' + d)
			l.states[s].arcs = append(l.states[s].arcs, arc{r, r, 2 + (remainder*10+d)%n})
		}
	}
	l.states[0].arcs = []arc{{'-', '-', 1}}
	digits(0, 0)
	digits(1, 0)
	for r := range n {
		l.states[2+r].accept = r == 0
		digits(2+r, r)
	}
	return l
}
