package scheduler

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
)

func TestFind(t *testing.T) {
	text := func(s string) []Token {
		var ids []Token
		for _, r := range s {
			ids = append(ids, Token(r))
		}
		return ids
	}
	for _, c := range []struct {
		text            string
		least, distance int
		want            string
	}{
		{"", 3, 0, ""},
		{"abc", 3, 0, ""},
		{"abcd", 3, 0, ""},
		{"abcdefgabc", 3, 0, "defg"},
		{"abcdefgabc", 4, 0, ""},
		{"xabc1-abc2-xabc", 3, 0, "1-ab"}, // the longest match
		{"abc1-abc2-abc", 3, 0, "2-ab"},   // of equal ones the last
		{"abcdabcd", 3, 0, "abcd"},        // up to the end
		{"aaaaa", 3, 0, "a"},              // it may overlap
		{"abcxbcyzbc", 2, 0, "yzbc"},      // not the whole beginning
		{"0123456789abc0123456789", 8, 0, "abc0"},
		{"abcdefghijabcDefg", 8, 0, ""},
		{"abcdefghijabcDefg", 8, 10, "hija"},        // after a change
		{"abcdefghijabcDDDefg", 8, 10, "hija"},      // that is longer
		{"abcdefghijabcDefg", 8, 40, ""},            // elsewhere
		{"xefgy--abcdefghijabcDefg", 8, 10, "hija"}, // not the one before
	} {
		if got, _ := find(text(c.text), c.least, 4, c.distance); !slices.Equal(got, text(c.want)) {
			t.Errorf("%q: got %v, want %q", c.text, got, c.want)
		}
	}
	// One search is bounded, also in a text that matches nearly everywhere.
	period := make([]Token, 1<<20)
	for i := range period {
		period[i] = Token(i % 31 / 30)
	}
	period[len(period)-2] = 5
	find(period, 2, 4, 0)
}

// steady makes batches take a fixed time: one unit and share of it for each further row. It
// returns the time of those that are not a prompt's.
func steady(s *Scheduler, f *fake, share float64) *time.Duration {
	at, decode := time.Unix(0, 0), new(time.Duration)
	s.Call(func() { s.now = func() time.Time { return at } })
	f.beforeRun = func(batch []entry) {
		took := time.Duration(float64(time.Millisecond) * (1 + share*float64(len(batch)-1)))
		at = at.Add(took)
		if len(batch) < 16 {
			*decode += took
		}
	}
	return decode
}

// copier is a model that repeats what followed the last two tokens before, if they occurred.
// One token in every is another one.
func copier(every uint64) func([]Token) Token {
	return func(before []Token) Token {
		var sum uint64
		for _, id := range before[max(0, len(before)-40):] {
			sum = next(sum, id)
		}
		if known, _ := find(before, 2, 1, 0); len(known) > 0 && sum>>20%every != 0 {
			return known[0]
		}
		return chosen(sum, true)
	}
}

// rewriter is a model that answers a prompt of n tokens with a copy of it, in which one token
// in every is another one.
func rewriter(n int, every uint64) func([]Token) Token {
	return func(before []Token) Token {
		i := len(before) - n
		if next(uint64(i), 7)>>20%every == 0 {
			return before[i] + 2000
		}
		return before[i]
	}
}

// A text is copied in few batches, and prose costs next to none.
func TestDraftsPay(t *testing.T) {
	for _, c := range []struct {
		name    string
		every   uint64
		share   float64 // of a batch's time for each further row
		most    float64 // time, against that without drafts
		drafted bool
	}{
		{"copy", 1 << 40, 0.5, 0.62, true},
		{"copy with changes", 40, 0.5, 0.85, true},
		{"rows cost as much as tokens", 1 << 40, 1, 1.03, true},
		{"rows are free", 12, 0.02, 0.75, true},
		{"hardly a copy", 2, 0.5, 1.02, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var times [2]time.Duration
			for i, match := range []int{0, 8} {
				f := newFake(t, 8192, 4)
				f.script = rewriter(900, c.every)
				s := start(t, f, Options{Limit: 8192})
				decode := steady(s, f, c.share)
				j, _ := f.asked(ids(900, 1), 1, 600)
				j.Min, j.Match = 600, match
				out := run(t.Context(), s, j, nil)
				times[i] = *decode
				if out.time.Generated != 600 {
					t.Fatalf("%d tokens were generated, %v", out.time.Generated, out.err)
				}
				if match == 0 && out.time.Drafted > 0 || match > 0 && c.drafted && out.time.Accepted == 0 {
					t.Errorf("match %d: %d tokens were drafted and %d accepted", match, out.time.Drafted, out.time.Accepted)
				}
			}
			share := float64(times[1]) / float64(times[0])
			t.Logf("%.2f", share)
			if share > c.most {
				t.Errorf("drafts took %.2f of the time without, want at most %.2f", share, c.most)
			}
		})
	}
}

// A wanted is what one request of TestLookupChangesNothing asks for.
type wanted struct {
	prompt []Token
	n      int
	max    int
	min    int
	top    int
	stops  []string
	force  []Token
	seeded bool
	exact  bool
}

func (w wanted) job(f *fake, match int) *Job {
	j, _ := f.asked(w.prompt, w.n, w.max)
	j.Min, j.Top, j.Stops, j.Match, j.Seeded, j.Exact = w.min, w.top, w.stops, match, w.seeded, w.exact
	if w.force != nil {
		j.Steps = []Step{{}, {Grammar: "x", Force: w.force}}
	}
	return j
}

// An answered is all that a request returned.
type answered struct {
	outcome
	logprobs []engine.Logprob
}

func answerOf(t *testing.T, s *Scheduler, j *Job) answered {
	t.Helper()
	var a answered
	a.outcome = run(t.Context(), s, j, func(e engine.Event) {
		if e, ok := e.(engine.TextDelta); ok && e.Choice == 0 {
			a.logprobs = append(a.logprobs, e.Logprobs...)
		}
	})
	return a
}

// Whatever the model and the request: with drafts the answer is the one without.
func TestLookupChangesNothing(t *testing.T) {
	seed := uint64(1)
	if !testing.Short() {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	drafted, accepted := 0, 0
	for round := range 40 {
		every := uint64(2 + rng.IntN(60))
		share := []float64{0.02, 0.3, 0.5, 1}[rng.IntN(4)]
		skewed := []int{0, 2, 3, 4, 8}[rng.IntN(5)]
		var requests []wanted
		for range 12 {
			block := ids(10+rng.IntN(60), rng.IntN(3))
			w := wanted{
				prompt: join(block, ids(rng.IntN(30), rng.IntN(3)), block, block[:1+rng.IntN(len(block))]),
				n:      1, max: rng.IntN(120), top: -1, seeded: rng.IntN(10) == 0, exact: skewed > 0 || rng.IntN(2) == 0,
			}
			switch rng.IntN(5) {
			case 0:
				if skewed == 0 {
					w.n = 1 + rng.IntN(3)
				}
			case 1:
				w.min = rng.IntN(w.max + 1)
			case 2:
				w.top = rng.IntN(3)
			case 3:
				w.stops = []string{fmt.Sprintf("%d %d", block[len(block)/2], block[min(len(block)/2+1, len(block)-1)])}
			case 4:
				w.force = join([]Token{20, 21}, block[:rng.IntN(9)])
			}
			requests = append(requests, w)
		}
		match := 1 + rng.IntN(9)
		together := skewed == 0 && rng.IntN(3) == 0
		batch := []int{8, 9, 512}[rng.IntN(3)]
		all := func(match int) []answered {
			f := newFake(t, 1500, 6)
			f.script, f.build, f.skewed = copier(every), func(string) {}, skewed
			if rng.IntN(4) == 0 {
				f.fixed = true
			}
			s := start(t, f, Options{Limit: 3000, Batch: batch})
			steady(s, f, share)
			got := make([]answered, len(requests))
			var jobs sync.WaitGroup
			for i, w := range requests {
				ask := func() { got[i] = answerOf(t, s, w.job(f, match)) }
				if together {
					jobs.Go(ask)
				} else {
					ask()
				}
			}
			jobs.Wait()
			consistent(t, s, f)
			return got
		}
		without, with := all(0), all(match)
		for i := range requests {
			a, b := without[i], with[i]
			drafted, accepted = drafted+b.time.Drafted, accepted+b.time.Accepted
			if a.err != nil || b.err != nil || !slices.Equal(a.texts, b.texts) || !slices.Equal(a.ends, b.ends) {
				t.Fatalf("round %d, request %+v:\nwithout %q %v %v\nwith    %q %v %v", round, requests[i], a.texts, a.ends, a.err, b.texts, b.ends, b.err)
			}
			if !slices.EqualFunc(a.logprobs, b.logprobs, equalLogprobs) {
				t.Fatalf("round %d, request %+v: the logprobs differ", round, requests[i])
			}
			if a.time.Generated != b.time.Generated || a.time.Drafted > 0 || b.time.Accepted > b.time.Drafted {
				t.Fatalf("round %d, request %+v: %+v and %+v", round, requests[i], a.time, b.time)
			}
		}
	}
	t.Logf("%d tokens were drafted, %d accepted", drafted, accepted)
	if accepted < 100 {
		t.Errorf("only %d drafted tokens were accepted", accepted)
	}
}

// consistent checks that slots, sequences and the count of cells agree.
func consistent(t *testing.T, s *Scheduler, f *fake) {
	t.Helper()
	s.Call(func() {
		s.drop() // of cancelled jobs
		for _, o := range s.slots {
			var has []Token
			for _, c := range f.seqs[o.seq] {
				has = append(has, c.token)
			}
			if o.busy || !slices.Equal(has, o.tokens) {
				t.Errorf("slot %d, busy %v, has %d tokens and its sequence %d", o.seq, o.busy, len(o.tokens), len(has))
			}
		}
		if n := s.ledger.used(); n != len(f.used) {
			t.Errorf("%d cells are counted, and %d used", n, len(f.used))
		}
	})
}

// A caller that leaves in the middle of a copy leaves nothing behind.
func TestCancelWithADraft(t *testing.T) {
	f := newFake(t, 4096, 4)
	f.script = copier(1 << 40)
	s := start(t, f, Options{Limit: 4096})
	steady(s, f, 0.02)
	for n := range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		j, _ := f.asked(join(ids(200, n), ids(20, n)), 1, 100)
		j.Match, j.Min = 8, 100
		events := 0
		run(ctx, s, j, func(engine.Event) {
			if events++; events == n {
				cancel()
			}
		})
		cancel()
		consistent(t, s, f)
	}
}

// Drafts take no cells that others need: the context is as large as without them.
func TestDraftsNeedNoRoom(t *testing.T) {
	f := newFake(t, 400, 4)
	f.script, f.fixed = copier(1<<40), true
	s := start(t, f, Options{Limit: 400})
	steady(s, f, 0.02)
	ask := func(prompt []Token, max, match int) outcome {
		j, _ := f.asked(prompt, 1, max)
		j.Match, j.Min = match, max
		return run(t.Context(), s, j, nil)
	}
	ask(ids(60, 9), 1, 0) // stays in memory
	out := ask(join(ids(100, 1), ids(20, 1)), 218, 8)
	if out.err != nil || out.time.Accepted == 0 || out.time.Generated != 218 {
		t.Fatalf("%d tokens, %d drafted, %v", out.time.Generated, out.time.Drafted, out.err)
	}
	if again := ask(ids(60, 9), 1, 0); again.cached != 59 {
		t.Errorf("%d tokens of the other conversation are left, want 59", again.cached)
	}
	if out := ask(join(ids(100, 2), ids(20, 2)), 1000, 8); out.ends[0] != engine.FinishModelLength || out.time.Generated != 280 {
		t.Errorf("%d tokens in a full context, %s", out.time.Generated, out.ends[0])
	}
	consistent(t, s, f)
}

// A model that draws its tokens draws them as often with drafts as it says: what is drafted
// is not chosen more often.
func TestLookupKeepsTheDistribution(t *testing.T) {
	const copies, first = 0.8, 0.15 // and 0.05 another token
	rng := rand.New(rand.NewPCG(3, 4))
	for _, match := range []int{0, 8} {
		f := newFake(t, 8192, 4)
		f.script = func(before []Token) Token {
			known, _ := find(before, 8, 1, 0)
			if len(known) == 0 {
				return before[len(before)-1]%1000 + 1000 // comes back to a known text
			}
			switch x := rng.Float64(); {
			case x < copies:
				return known[0]
			case x < copies+first:
				return known[0] + 3000
			}
			return known[0] + 6000
		}
		s := start(t, f, Options{Limit: 8192})
		steady(s, f, 0.02)
		text := slices.Repeat(ids(40, 1), 3)
		counts := map[Token]float64{}
		accepted := 0
		for range 400 {
			j, _ := f.asked(text, 1, 12)
			j.Match = match
			out := run(t.Context(), s, j, nil)
			if out.err != nil {
				t.Fatal(out.err)
			}
			accepted += out.time.Accepted
			for i, word := range strings.Fields(out.texts[0]) {
				id, _ := strconv.Atoi(word)
				counts[Token(id)-text[i]]++
				if Token(id) != text[i] {
					break
				}
			}
		}
		if match > 0 && accepted < 400 {
			t.Errorf("%d drafted tokens were accepted", accepted)
		}
		n := counts[0] + counts[3000] + counts[6000]
		for shift, p := range map[Token]float64{0: copies, 3000: first, 6000: 1 - copies - first} {
			if off := math.Abs(counts[shift]-p*n) / math.Sqrt(n*p*(1-p)); off > 4 || len(counts) != 3 {
				t.Errorf("match %d: %v of %v tokens are %d beside the copy, want %.2f of them", match, counts[shift], n, shift, p)
			}
		}
	}
}
