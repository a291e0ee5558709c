package tokenizer

// merges are the texts that byte-pair merging may join symbols into. Merging
// joins, over and over, the neighbours whose text has the lowest rank, the
// leftmost of equals, until no two neighbours make a piece.
//
// SentencePiece and Tekken differ only in what a symbol is at first (a rune, a
// byte) and in where ranks come from (scores, ids).
type merges struct {
	of      map[string]piece
	longest int // bytes
}

type piece struct {
	rank uint32
	id   int32
}

// noRank is the rank of text that is not in the vocabulary.
const noRank = ^uint32(0)

func newMerges(n int) merges { return merges{of: make(map[string]piece, n)} }

func (m *merges) add(text string, p piece) {
	m.of[text] = p
	m.longest = max(m.longest, len(text))
}

func (m *merges) find(text string) (piece, bool) {
	if len(text) > m.longest { // spares hashing a text of any length
		return piece{}, false
	}
	p, ok := m.of[text]
	return p, ok
}

func (m *merges) rank(text string) uint32 {
	if p, ok := m.find(text); ok {
		return p.rank
	}
	return noRank
}

// A symbol begins at an offset of the text and ends where the next begins. Its
// rank is that of its text joined with its neighbour's.
type symbol struct {
	start int32
	rank  uint32
}

// fewSymbols is the length up to which looking for the lowest rank by walking
// over all symbols is faster than keeping them in a queue.
const fewSymbols = 96

// join merges the symbols of a text. The last symbol marks the end of the part to merge.
// It reuses the slice.
func (m *merges) join(text string, s []symbol) []symbol {
	if len(s) < 3 {
		return s
	}
	for i := range s {
		s[i].rank = noRank
		if i+2 < len(s) {
			s[i].rank = m.rank(text[s[i].start:s[i+2].start])
		}
	}
	if len(s) <= fewSymbols {
		return m.joinFew(text, s)
	}
	return m.joinMany(text, s)
}

func (m *merges) joinFew(text string, s []symbol) []symbol {
	pair := func(i int) uint32 { // of symbol i with the one after its old neighbour
		if i+3 >= len(s) {
			return noRank
		}
		return m.rank(text[s[i].start:s[i+3].start])
	}
	for {
		best := 0
		for i := range s {
			if s[i].rank < s[best].rank {
				best = i
			}
		}
		if s[best].rank == noRank {
			return s
		}
		if best > 0 {
			s[best-1].rank = pair(best - 1)
		}
		s[best].rank = pair(best)
		s = append(s[:best+1], s[best+2:]...)
	}
}

// joinMany is joinFew in time n·log n: symbols are a linked list, and a queue
// holds every pair that has a rank. A pair in the queue is stale when the rank
// of the symbol it begins with has changed since.
func (m *merges) joinMany(text string, s []symbol) []symbol {
	end := int32(len(s) - 1)
	next, prev := make([]int32, len(s)), make([]int32, len(s))
	q := make(queue, 0, len(s))
	for i := range s {
		next[i], prev[i] = int32(i)+1, int32(i)-1
		if s[i].rank != noRank {
			q = append(q, entry(s[i].rank, int32(i)))
		}
	}
	q.order()
	rank := func(i int32) {
		s[i].rank = noRank
		if j := next[i]; j < end {
			s[i].rank = m.rank(text[s[i].start:s[next[j]].start])
		}
		if s[i].rank != noRank {
			q.push(entry(s[i].rank, i))
		}
	}
	for len(q) > 0 {
		r, i := q.pop()
		if s[i].rank != r {
			continue
		}
		gone := next[i]
		s[gone].rank = noRank
		next[i] = next[gone]
		prev[next[i]] = i
		rank(i)
		if prev[i] >= 0 {
			rank(prev[i])
		}
	}
	kept := s[:0]
	for i := int32(0); i < end; i = next[i] {
		kept = append(kept, s[i])
	}
	return append(kept, s[end])
}

// queue is a binary heap of pairs, the lowest rank first and of equals the
// leftmost: rank in the upper half, index of the first symbol in the lower.
type queue []uint64

func entry(rank uint32, i int32) uint64 { return uint64(rank)<<32 | uint64(uint32(i)) }

func (q queue) order() {
	for i := len(q)/2 - 1; i >= 0; i-- {
		q.sink(i)
	}
}

func (q *queue) push(e uint64) {
	*q = append(*q, e)
	h := *q
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up] <= e {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
}

func (q *queue) pop() (rank uint32, i int32) {
	h := *q
	e := h[0]
	last := len(h) - 1
	h[0] = h[last]
	*q = h[:last]
	q.sink(0)
	return uint32(e >> 32), int32(uint32(e))
}

func (q queue) sink(i int) {
	if i >= len(q) {
		return
	}
	e := q[i]
	for {
		down := 2*i + 1
		if down >= len(q) {
			break
		}
		if down+1 < len(q) && q[down+1] < q[down] {
			down++
		}
		if e <= q[down] {
			break
		}
		q[i] = q[down]
		i = down
	}
	q[i] = e
}
