package scheduler

import "slices"

// ledger counts the cells of the KV cache as the context does: one that several sequences
// share is one cell, and it is free when the last of them forgets it.
type ledger struct {
	holders []int32 // sequences of each cell
	free    []int32
}

// used is the number of cells that are not free.
func (l *ledger) used() int { return len(l.holders) - len(l.free) }

func (l *ledger) take() int32 {
	if n := len(l.free); n > 0 {
		id := l.free[n-1]
		l.free = l.free[:n-1]
		l.holders[id] = 1
		return id
	}
	l.holders = append(l.holders, 1)
	return int32(len(l.holders) - 1)
}

func (l *ledger) drop(cells []int32) {
	for _, id := range cells {
		if l.holders[id]--; l.holders[id] == 0 {
			l.free = append(l.free, id)
		}
	}
}

// hold records that a slot's sequence has more tokens in memory.
func (s *Scheduler) hold(o *slot, tokens ...Token) {
	o.tokens = append(o.tokens, tokens...)
	for range tokens {
		o.cells = append(o.cells, s.ledger.take())
	}
}

// share lets an empty slot have the first n tokens of another.
func (s *Scheduler) share(from, to *slot, n int) {
	s.x.Share(from.seq, to.seq, n)
	to.tokens, to.cells = slices.Clone(from.tokens[:n]), slices.Clone(from.cells[:n])
	for _, id := range to.cells {
		s.ledger.holders[id]++
	}
}

// shared is how many leading tokens of a slot another one holds too.
func (s *Scheduler) shared(o *slot) int {
	n := 0
	for n < len(o.cells) && s.ledger.holders[o.cells[n]] > 1 {
		n++
	}
	return n
}

// idleCells is the number of cells held only by idle conversations for which count is true.
func (s *Scheduler) idleCells(count func(*slot) bool) int {
	seen := map[int32]int32{} // holders that are idle and count
	for _, o := range s.slots {
		if !o.busy && count(o) {
			for _, id := range o.cells {
				seen[id]++
			}
		}
	}
	n := 0
	for id, holders := range seen {
		if holders == s.ledger.holders[id] {
			n++
		}
	}
	return n
}
