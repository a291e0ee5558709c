package tokenizer

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Both ways of merging give one result, whatever the pieces, equal ranks too.
func TestJoinFewAndMany(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		m := newMerges(16)
		for range 1 + r.IntN(20) {
			b := make([]byte, 2+r.IntN(4))
			for i := range b {
				b[i] = "abc"[r.IntN(3)]
			}
			m.add(string(b), piece{rank: uint32(r.IntN(12))})
		}
		text := make([]byte, 2+r.IntN(150))
		for i := range text {
			text[i] = "abcd"[r.IntN(4)]
		}
		symbols := make([]symbol, len(text)+1)
		for i := range symbols {
			symbols[i] = symbol{start: int32(i), rank: noRank}
			if i+2 <= len(text) {
				symbols[i].rank = m.rank(string(text[i : i+2]))
			}
		}
		few := m.joinFew(string(text), slices.Clone(symbols))
		many := m.joinMany(string(text), slices.Clone(symbols))
		if !slices.EqualFunc(few, many, func(a, b symbol) bool { return a.start == b.start }) {
			t.Fatalf("%q with %v: %v and %v", text, m.of, few, many)
		}
	}
}

func TestQueue(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var q queue
	for range 500 {
		q = append(q, entry(uint32(r.IntN(50)), int32(r.IntN(100))))
	}
	q.order()
	for range 500 {
		q.push(entry(uint32(r.IntN(50)), int32(r.IntN(100))))
	}
	last := uint64(0)
	for range 1000 {
		rank, i := q.pop()
		if e := entry(rank, i); e < last {
			t.Fatalf("%x after %x", e, last)
		} else {
			last = e
		}
	}
	if len(q) != 0 {
		t.Fatalf("%d left", len(q))
	}
}
