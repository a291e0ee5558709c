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
// leaves the KV cache. So the answer has the same distribution, and the same tokens when
// sampling is greedy.

// draftSizes are the lengths of drafts. With the token before them they fill batches of 2, 4
// and 8 rows, which the kernels of CPUs compute best. A miss halves the batch.
var draftSizes = [...]int{1, 3, 7}

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
	hits, misses float64 // drafted tokens that agreed, and first ones that did not
	pause, rest  int     // matches of the next pause, and left of this one
	distance     int     // from the end of the text to where the last draft came from
}

func newLookup() lookup {
	l := lookup{step: 1, pause: draftPause}
	l.forget()
	return l
}

// forget begins with an expectation that one miss does not refute, and several do.
func (l *lookup) forget() { l.hits, l.misses = 4, 0.4 }

// length is how many of the next tokens to draft when most are known, 0 if that does not
// pay.
func (l *lookup) length(most int, c *costs) int {
	if l.rest > 0 {
		l.rest--
		return 0
	}
	agree := l.hits / (l.hits + l.misses)
	best, gain := 0, draftGain
	for i, n := range draftSizes[:l.step+1] {
		if n > most {
			break
		}
		if g := expected(agree, n) / c.of(i); g > gain {
			best, gain = n, g
		}
	}
	if best == 0 && most >= draftSizes[0] {
		l.rest, l.pause = l.pause, min(2*l.pause, draftPauseMost)
		l.step = 0
		l.forget()
	}
	return best
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

// tried records that a number of drafted tokens agreed, and whether the next one did not.
func (l *lookup) tried(agreed int, missed bool) {
	l.hits, l.misses = l.hits*draftMemory+float64(agreed), l.misses*draftMemory
	if missed {
		l.misses++
		l.step = max(0, l.step-1)
		return
	}
	l.step = min(l.step+1, len(draftSizes)-1)
	l.pause = draftPause
}

// costs are the times of batches with a draft, measured against those of one token.
type costs struct {
	one    recent
	drafts [len(draftSizes)]recent
}

// costsUnknown are the costs of drafts before they are measured: those of a CPU with two
// cores.
var costsUnknown = [len(draftSizes)]float64{1.4, 2.5, 4.6}

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
	if j.Match == 0 || j.Seeded || s.x.Recurrent() {
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
	n := a.lookup.length(min(len(known), room), &s.costs)
	if n == 0 {
		return
	}
	a.draft, a.lookup.distance = known[:n], distance
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
// changes what it copies goes on after a change. It returns up to most of the tokens that
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
		a.next = a.next[:0]
		a.row = a.draftRow + agreed
		agreed++
		s.choose(a)
	}
	a.job.drafted += len(a.draft)
	a.job.accepted += agreed
	if !a.ended {
		// Without a next token the grammar of another step is built: the draft was not wrong.
		a.lookup.tried(agreed, agreed < len(a.draft) && len(a.next) > 0)
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
