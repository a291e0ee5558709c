package scheduler

import (
	"slices"
	"time"
)

// Prompt lookup. An answer that copies from its prompt, as rewrites and suggestions do,
// repeats long runs of tokens. What followed such a run before is drafted: it is evaluated
// in one batch with the answer's next token, which costs less than one token after the
// other, because the weights are read once. Each token is then sampled from its own row as
// without a draft. The draft counts as far as it agrees with what was sampled, and the rest
// leaves the KV cache. So the answer has the same distribution.
//
// It also has the same tokens, where it is greedy or has a seed, if the rows of a batch are
// computed as single tokens are. Many kernels do that for few rows only: those for repacked
// weights for three. So the scheduler evaluates a few tokens again, once for each length of
// drafts, and compares the logits bit by bit. Such answers have drafts of the other lengths
// only if they are equal.

// draftSizes are the lengths of drafts. With the token before them they fill batches of 2, 3,
// 4 and 8 rows, which the kernels of CPUs compute best. After a miss drafts are shorter.
var draftSizes = [...]int{1, 2, 3, 7}

// sizes is a set of draftSizes.
type sizes [len(draftSizes)]bool

const (
	// matchLongest is how many tokens of a match are compared. Of several matches the
	// longest counts.
	matchLongest = 32
	// matchShort tokens are a match about where the last draft came from, at most matchDrift
	// tokens from there.
	matchShort, matchDrift = 3, 24
	// matchEffort is how many tokens one search compares beyond the first of each place.
	matchEffort = 1 << 14
	// draftGain is how much faster a draft must be expected to make an answer.
	draftGain = 1.05
	// draftPause is for how many matches an answer makes no drafts after they did not pay.
	// It doubles each time, up to draftPauseMost.
	draftPause, draftPauseMost = 16, 1024
	// draftMemory is the weight of what is known about earlier drafts after another one.
	draftMemory = 0.85
)

// lookup is what an answer has learned about its drafts.
type lookup struct {
	step         int     // of draftSizes, the longest draft now
	singles      int     // of the answer's last tokens, evaluated alone or as if they were
	hits, misses float64 // drafted tokens that agreed, and first ones that did not
	pause, rest  int     // matches of the next pause, and left of this one
	distance     int     // from the end of the text to where the last draft came from
}

func newLookup() lookup {
	l := lookup{step: 2, pause: draftPause}
	l.forget()
	return l
}

// forget begins with an expectation that one miss does not refute, and several do.
func (l *lookup) forget() { l.hits, l.misses = 4, 0.4 }

// pays chooses among draftSizes, up to most tokens. It returns -1 if no draft pays.
func (l *lookup) pays(most int, c *costs, may sizes) int {
	agree := l.hits / (l.hits + l.misses)
	best, gain := -1, draftGain
	for i, n := range draftSizes[:l.step+1] {
		if g := expected(agree, n) / c.of(i); may[i] && n <= most && g > gain {
			best, gain = i, g
		}
	}
	return best
}

// rests reports whether an answer makes no draft now, because none paid.
func (l *lookup) rests() bool {
	if l.rest > 0 {
		l.rest--
		return true
	}
	return false
}

// giveUp begins a rest. The next draft will be a short one.
func (l *lookup) giveUp() {
	l.rest, l.pause = l.pause, min(2*l.pause, draftPauseMost)
	l.step = 0
	l.forget()
}

// expected is how many tokens a batch with a draft of n gives, if each agrees with a
// probability of p.
func expected(p float64, n int) float64 {
	sum, q := 1.0, 1.0
	for range n {
		q *= p
		sum += q
	}
	return sum
}

// tried records that a number of tokens of a draft of draftSizes[size] agreed, and whether
// the next one did not.
func (l *lookup) tried(size, agreed int, missed bool) {
	l.hits, l.misses = l.hits*draftMemory+float64(agreed), l.misses*draftMemory
	if missed {
		l.misses++
		l.step = max(0, size-1)
		return
	}
	l.step = min(size+1, len(draftSizes)-1)
	l.pause = draftPause
}

// costs are the times of batches with a draft, measured against those of one token.
type costs struct {
	one    recent
	drafts [len(draftSizes)]recent
}

// costsUnknown are the costs of drafts before they are measured: those of a CPU with two
// cores.
var costsUnknown = [len(draftSizes)]float64{1.4, 1.9, 2.5, 4.6}

// of is the cost of a draft of draftSizes[i] tokens, in decoded tokens.
func (c *costs) of(i int) float64 {
	if c.drafts[i].n == 0 {
		return costsUnknown[i]
	}
	return c.drafts[i].median()
}

// add records the time of a batch of rows for one answer.
func (c *costs) add(rows int, d time.Duration) {
	if rows == 1 {
		c.one.add(d.Seconds())
		return
	}
	if i := slices.Index(draftSizes[:], rows-1); i >= 0 && c.one.n > 0 {
		if one := c.one.median(); one > 0 {
			c.drafts[i].add(d.Seconds() / one)
		}
	}
}

// recent has the last few of many values.
type recent struct {
	values [9]float64
	n      int // values that were added
}

func (r *recent) add(v float64) {
	r.values[r.n%len(r.values)] = v
	r.n++
}

func (r *recent) median() float64 {
	v := r.values
	known := v[:min(r.n, len(v))]
	slices.Sort(known)
	return known[len(known)/2]
}

// lone is the only answer in progress, or nil if there are others or prompts to prefill.
func (s *Scheduler) lone() *answer {
	var one *answer
	for _, j := range s.jobs {
		if j.ended {
			continue
		}
		if j.prefilling() {
			return nil
		}
		for _, a := range j.answers {
			if a.ended {
				continue
			}
			if one != nil {
				return nil
			}
			one = a
		}
	}
	return one
}

// draft adds to the batch what may follow an answer's next tokens.
func (s *Scheduler) draft(a *answer) {
	j := a.job
	if j.Match == 0 || s.x.Recurrent() {
		return
	}
	// A draft must not take what others need: cells, and the room for the answer.
	room := min(s.o.Batch, s.x.Tokens()-s.ledger.used(), s.Bound()-len(a.slot.tokens)-1) - s.x.BatchLen()
	if j.Max >= 0 {
		room = min(room, j.Max-a.count-1)
	}
	if room < draftSizes[0] {
		return
	}
	// The slot will hold the next tokens, so that its array may have them already.
	known, distance := s.follow(append(a.slot.tokens, a.next...), j.Match, a.lookup.distance)
	most := min(len(known), room)
	if most < draftSizes[0] || a.lookup.rests() {
		return
	}
	i := a.lookup.pays(most, &s.costs, s.probes.may(j.Exact, true))
	if i < 0 {
		a.lookup.giveUp()
		return
	}
	if j.Exact && !s.probes.known[i] {
		s.probes.next = i
		i = a.lookup.pays(most, &s.costs, s.probes.may(true, false))
	}
	if i < 0 {
		return
	}
	a.draft, a.lookup.distance = known[:draftSizes[i]], distance
	for i, id := range a.draft {
		row := s.x.Add(id, len(a.slot.tokens)+a.taken+i, a.slot.seq, true)
		if i == 0 {
			a.draftRow = row
		}
	}
}

// follow returns what followed the last tokens of a text before, up to a control token or an
// image, see find.
func (s *Scheduler) follow(text []Token, match, distance int) ([]Token, int) {
	known, distance := find(text, match, draftSizes[len(draftSizes)-1], distance)
	for i, id := range known {
		if id < 0 || s.x.Control(id) {
			return known[:i], distance
		}
	}
	return known, distance
}

// find looks for the last tokens of a text in what comes before. Of several places it takes
// the one where most tokens agree, at least least, and of those the last. If distance is not
// 0, matchShort tokens suffice for a place about that far from the end: where an answer that
// changes what it copies continues after a change. It returns up to most of the tokens that
// follow the place, and how far it is from the end.
func find(text []Token, least, most, distance int) ([]Token, int) {
	n := len(text)
	short := min(least, matchShort)
	if n <= short {
		return nil, 0
	}
	last, first := text[n-1], text[n-short]
	longest, at, nearest, effort := 0, -1, matchDrift+1, 0
	for i := n - 2; i >= short-1; i-- {
		if text[i] != last || text[i-short+1] != first {
			continue
		}
		off := matchDrift + 1
		if distance > 0 {
			off = max(n-1-i-distance, distance-(n-1-i))
		}
		near := off <= matchDrift
		k := 1
		for k < matchLongest && k <= i && text[i-k] == text[n-1-k] {
			k++
		}
		if (k >= least || near && k >= short) && (k > longest || k == longest && off < nearest) {
			longest, at, nearest = k, i, off
		}
		if effort += k; longest == matchLongest && n-1-i >= distance || effort > matchEffort {
			break
		}
	}
	if at < 0 {
		return nil, 0
	}
	return text[at+1 : min(at+1+most, n)], n - 1 - at
}

// verify samples on from the rows of an answer's draft while it agrees with the tokens that
// were chosen, and takes the rest of it out of the cache.
func (s *Scheduler) verify(a *answer) {
	if len(a.draft) == 0 {
		return
	}
	agreed := 0
	for agreed < len(a.draft) && !a.ended && len(a.next) == 1 && a.next[0] == a.draft[agreed] {
		s.hold(a.slot, a.next...)
		a.lookup.singles++
		a.next = a.next[:0]
		a.row = a.draftRow + agreed
		agreed++
		s.choose(a)
	}
	if !s.probes.equal(len(a.draft)) {
		a.lookup.singles = 0
	}
	a.job.drafted += len(a.draft)
	a.job.accepted += agreed
	if !a.ended {
		// Without a next token the grammar of another step is built: the draft was not wrong.
		a.lookup.tried(slices.Index(draftSizes[:], len(a.draft)), agreed, agreed < len(a.draft) && len(a.next) > 0)
	}
	if agreed < len(a.draft) && !s.x.Remove(a.slot.seq, len(a.slot.tokens), -1) {
		s.lose(a.slot)
	}
	a.draft = nil
}

// undraft ends the drafts of an answer for which the cache had no cells, and reports whether
// there was one.
func (s *Scheduler) undraft() bool {
	for _, j := range s.jobs {
		for _, a := range j.answers {
			if len(a.draft) > 0 {
				j.Match = 0
				return true
			}
		}
	}
	return false
}

// probes are what is known about the rows of batches of the lengths of drafts: whether their
// logits are those of single tokens, bit for bit.
type probes struct {
	known, same sizes
	next        int // of draftSizes, to be compared; -1: none
}

// may returns the lengths that an answer's drafts may have: those whose rows are as those of
// single tokens if it must be exact, and also unknown ones if wanted.
func (p *probes) may(exact, unknown bool) (may sizes) {
	for i := range may {
		may[i] = !exact || p.same[i] || unknown && !p.known[i]
	}
	return may
}

// equal reports whether the rows of a batch with a draft of n tokens are as those of single
// tokens.
func (p *probes) equal(n int) bool {
	i := slices.Index(draftSizes[:], n)
	return i >= 0 && p.same[i]
}

// singleRow returns the logits of an answer's last token, if they will be compared by probe.
func (s *Scheduler) singleRow(a *answer) []float32 {
	if s.probes.next < 0 || s.x.BatchLen() != 1 {
		return nil
	}
	if rows := draftSizes[s.probes.next] + 1; a.lookup.singles < rows || s.x.Tokens()-s.ledger.used() < rows || s.empty() == nil {
		return nil
	}
	return s.x.Logits(a.row)
}

// empty returns a slot without tokens, nil if there is none.
func (s *Scheduler) empty() *slot {
	for _, o := range s.slots {
		if !o.busy && len(o.tokens) == 0 {
			return o
		}
	}
	return nil
}

// probe evaluates the last tokens of an answer again, in a batch, and compares the logits of
// the last one with single, which it had alone.
func (s *Scheduler) probe(a *answer, single []float32) {
	o, tokens := s.empty(), a.slot.tokens
	i := s.probes.next
	from := len(tokens) - draftSizes[i] - 1
	if a.ended || o == nil || from < 0 {
		return
	}
	s.probes.next = -1
	defer s.watchdog.doing("comparing a batch of %d tokens", len(tokens)-from)()
	s.x.Share(a.slot.seq, o.seq, from)
	s.x.ClearBatch()
	row := 0
	for at := from; at < len(tokens); at++ {
		row = s.x.Add(tokens[at], at, o.seq, true)
	}
	begin := s.now()
	if err := s.x.Decode(); err == nil {
		s.costs.add(len(tokens)-from, s.now().Sub(begin))
		s.probes.known[i], s.probes.same[i] = true, slices.Equal(single, s.x.Logits(row))
	}
	s.x.Remove(o.seq, -1, -1)
}
