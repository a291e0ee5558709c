package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
)

func start(t *testing.T, f *fake, o Options) *Scheduler {
	t.Helper()
	o.Slots = len(f.seqs)
	if o.Batch == 0 {
		o.Batch = 512
	}
	s := New(f, o, 10)
	t.Cleanup(s.Close)
	return s
}

// ask runs a job of one answer and checks it.
func ask(t *testing.T, s *Scheduler, f *fake, prompt []Token, max int) outcome {
	t.Helper()
	j, _ := f.asked(prompt, 1, max)
	out := run(t.Context(), s, j, nil)
	if want := written(prompt, max); out.err != nil || out.texts[0] != want {
		t.Errorf("%d tokens: got %q, %v, want %q", len(prompt), out.texts[0], out.err, want)
	}
	return out
}

func join(parts ...[]Token) []Token { return slices.Concat(parts...) }

// A conversation stays in memory while others come, if there is memory.
func TestConversationsTakeTurns(t *testing.T) {
	f := newFake(t, 4096, 16)
	s := start(t, f, Options{Limit: 32768})
	head := ids(1000, 0)
	for i := range 4 {
		ask(t, s, f, join(head, ids(3000, i+1)), 1)
	}
	for i := range 4 {
		prompt := join(head, ids(3000, i+1), ids(100, 9))
		if out := ask(t, s, f, prompt, 1); out.time.Evaluated > 100 {
			t.Errorf("conversation %d evaluated %d tokens again", i, out.time.Evaluated-100)
		}
	}
}

// Short conversations with the same beginning do not replace each other, but a text that
// is written further leaves no copies of its beginning.
func TestConversationsBeginAlike(t *testing.T) {
	f := newFake(t, 4096, 8)
	s := start(t, f, Options{Limit: 4096})
	head := ids(300, 0)
	for i := range 3 {
		ask(t, s, f, join(head, ids(100, i+1)), 1)
	}
	for i := range 3 {
		if out := ask(t, s, f, join(head, ids(100, i+1), ids(20, 9)), 1); out.time.Evaluated != 20 {
			t.Errorf("conversation %d evaluated %d tokens, want 20", i, out.time.Evaluated)
		}
	}
	typed := ids(400, 20)
	for n := 350; n < 400; n += 10 {
		ask(t, s, f, join(typed[:n], []Token{5}), 1)
	}
	copies := 0
	s.Call(func() {
		for _, o := range s.slots {
			if len(o.tokens) > 0 && o.tokens[0] == typed[0] && o.tokens[1] == typed[1] {
				copies++
			}
		}
	})
	if copies != 1 {
		t.Errorf("%d copies of a text are in memory", copies)
	}
}

// gate holds the first batch of a fake until all jobs of a test are submitted.
func gate(f *fake) (open func()) {
	held := make(chan struct{})
	f.beforeRun = func([]entry) { <-held }
	return sync.OnceFunc(func() { close(held) })
}

// A prompt that begins like one that is being prefilled waits for that.
func TestCommonBeginningIsEvaluatedOnce(t *testing.T) {
	f := newFake(t, 32768, 8)
	open := gate(f)
	s := start(t, f, Options{Limit: 32768})
	head := ids(3000, 0)
	var all sync.WaitGroup
	for i := range 5 {
		prompt := join(head, ids(50, i+1))
		j, _ := f.asked(prompt, 1, 5)
		if err := s.Submit(j); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			var text strings.Builder
			for e := range s.Events(t.Context(), j) {
				if e, ok := e.(engine.TextDelta); ok {
					text.WriteString(e.Text)
				}
			}
			if want := written(prompt, 5); text.String() != want {
				t.Errorf("job %d: got %q, want %q", i, text.String(), want)
			}
		})
	}
	open()
	all.Wait()
	if most := len(head) + 5*(50+5); f.decoded > most {
		t.Errorf("%d tokens were evaluated, want at most %d", f.decoded, most)
	}
}

// A short prompt does not wait for a long one, and that loses next to nothing.
func TestShortPromptBesideLong(t *testing.T) {
	for _, short := range []int{3, 32, 256, 900} {
		t.Run(fmt.Sprint(short), func(t *testing.T) {
			const long = 16000
			f := newFake(t, 32768, 8)
			s := start(t, f, Options{Limit: 32768})
			submitted, first := 0, 0
			var long1, short1 *Job
			long1, _ = f.asked(ids(long, 1), 1, 1)
			short1, _ = f.asked(ids(short, 2), 1, 1)
			short1.Min = 1
			f.beforeRun = func([]entry) {
				if f.batches == 2 && submitted == 0 {
					submitted = f.batches
					if err := s.Submit(short1); err != nil {
						t.Error(err)
					}
				}
				if first == 0 && submitted > 0 && !short1.first.IsZero() {
					first = f.batches
				}
			}
			if out := run(t.Context(), s, long1, nil); out.err != nil {
				t.Fatal(out.err)
			}
			if n := first - submitted - 1; first == 0 || n > 4 { // the first was composed before it came
				t.Errorf("the short prompt's first token came after %d batches", n)
			}
			if most := (long+short)/512 + 3; f.batches > most {
				t.Errorf("both took %d batches, want at most %d", f.batches, most)
			}
		})
	}
}

// On a slow machine the batch with a short prompt is small.
func TestShortPromptOnASlowMachine(t *testing.T) {
	f := newFake(t, 32768, 8)
	s := start(t, f, Options{Limit: 32768})
	long, _ := f.asked(ids(2000, 1), 1, 1)
	short, _ := f.asked(ids(20, 2), 1, 1)
	var sizes []int
	f.beforeRun = func(batch []entry) {
		sizes = append(sizes, len(batch))
		if len(sizes) == 1 {
			s.Submit(short)
		}
	}
	s.Call(func() { s.pace = 20 * time.Millisecond })
	if out := run(t.Context(), s, long, nil); out.err != nil {
		t.Fatal(out.err)
	}
	if !slices.Equal(sizes[:2], []int{512, 128}) {
		t.Errorf("batches of %d tokens", sizes)
	}
}

// A long prompt is never stopped by a stream of short ones.
func TestLongPromptBesideMany(t *testing.T) {
	f := newFake(t, 32768, 8)
	s := start(t, f, Options{Limit: 32768})
	ctx, stop := context.WithCancel(t.Context())
	var short sync.WaitGroup
	for i := range 4 {
		short.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				j, _ := f.asked(ids(400, 100*i+n), 1, 1)
				run(ctx, s, j, nil)
			}
		})
	}
	long, _ := f.asked(ids(8000, 1), 1, 1)
	begin := 0
	s.Call(func() { begin = f.batches })
	out := run(t.Context(), s, long, nil)
	end := 0
	s.Call(func() { end = f.batches })
	stop()
	short.Wait()
	if out.err != nil || end-begin > 2*8000/512+20 {
		t.Errorf("the long prompt took %d batches, %v", end-begin, out.err)
	}
}

// A grammar that takes long to build holds up no other request, and its answer can be cancelled.
func TestGrammarIsBuiltAside(t *testing.T) {
	f := newFake(t, 4096, 8)
	building, finish := make(chan struct{}), make(chan struct{})
	f.build = func(string) { close(building); <-finish }
	s := start(t, f, Options{Limit: 4096})
	j, freed := f.asked(ids(10, 1), 1, 400)
	j.Steps = []Step{{}, {Grammar: "x", Force: []Token{20}}} // the second begins where the fake ends
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan outcome)
	go func() { done <- run(ctx, s, j, nil) }()
	<-building
	ask(t, s, f, ids(50, 2), 20)
	stopped := errors.New("stopped")
	cancel(stopped)
	if out := <-done; !errors.Is(out.err, stopped) {
		t.Errorf("got %v", out.err)
	}
	ask(t, s, f, ids(50, 3), 20)
	if freed.Load() != 0 {
		t.Error("the sampler was freed while its grammar was built")
	}
	close(finish)
	s.Close()
	if freed.Load() != 1 {
		t.Errorf("the sampler was freed %d times", freed.Load())
	}
}

// Idle conversations are saved one at a time, and a request does not wait for the disk.
func TestRequestDoesNotWaitForTheDisk(t *testing.T) {
	f := newFake(t, 32768, 4)
	states, err := OpenStates(t.TempDir(), [32]byte{}, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, f, Options{Limit: 32768, States: states})
	states.mu.Lock()
	states.pending = statePending // as if a large file were being written
	states.mu.Unlock()
	for i := range 12 { // more than there are slots: conversations are evicted
		ask(t, s, f, ids(2000, i), 3)
	}
	states.mu.Lock()
	states.pending = 0
	n := len(states.entries)
	states.mu.Unlock()
	if n > 0 {
		t.Errorf("%d conversations were taken", n)
	}
	ask(t, s, f, ids(100, 50), 3)
	s.Close()                             // which saves what is in memory
	if n := len(states.entries); n != 5 { // one was evicted, four are in memory
		t.Errorf("%d conversations are saved, want 5", n)
	}
	f2 := newFake(t, 32768, 4)
	again, err := OpenStates(states.root, [32]byte{}, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	s2 := start(t, f2, Options{Limit: 32768, States: again})
	if out := ask(t, s2, f2, ids(2000, 11), 3); out.cached != 1999 {
		t.Errorf("%d tokens were restored, want 1999", out.cached)
	}
}

type records struct {
	slog.Handler
	mu   sync.Mutex
	text []string
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) Handle(_ context.Context, rec slog.Record) error {
	var b strings.Builder
	b.WriteString(rec.Message)
	rec.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&b, " %s", a); return true })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, b.String())
	return nil
}

// The log says what the scheduler does when requests wait without progress.
func TestWatchdog(t *testing.T) {
	r := &records{}
	old := slog.Default()
	slog.SetDefault(slog.New(r))
	defer slog.SetDefault(old)
	f := newFake(t, 4096, 4)
	open := gate(f)
	s := start(t, f, Options{Limit: 4096, Patience: time.Millisecond})
	reported := make(chan struct{})
	s.Call(func() { s.watchdog.logged = sync.OnceFunc(func() { close(reported) }) })
	done := make(chan outcome)
	j, _ := f.asked(ids(100, 1), 1, 3)
	go func() { done <- run(t.Context(), s, j, nil) }()
	<-reported
	open()
	if out := <-done; out.err != nil {
		t.Error(out.err)
	}
	s.Close()
	log := strings.Join(r.text, "\n")
	for _, want := range []string{"requests wait without progress", "computing a batch of 100 tokens", "running=1", "state of the scheduler", "100 of 100 prompt tokens"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

// TestStress cancels, grows, saves and restores for thousands of jobs. Each must end, with
// the right answer if it was not cancelled.
func TestStress(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*fake, *Options)
	}{
		{"grows", func(f *fake, o *Options) {}},
		{"cannot grow", func(f *fake, o *Options) { f.fixed, f.capacity, o.Limit = true, 1500, 1500 }},
		{"few slots", func(f *fake, o *Options) { f.seqs = f.seqs[:2] }},
		{"recurrent", func(f *fake, o *Options) { f.recurrent, f.capacity = true, o.Limit }},
		{"small batch", func(f *fake, o *Options) { o.Batch = 3; o.Limit = 800 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			seed := uint64(1)
			if !testing.Short() {
				seed = uint64(time.Now().UnixNano())
			}
			t.Logf("seed %d", seed)
			f := newFake(t, 512, 8)
			o := Options{Limit: 3000, Batch: 64, Patience: 5 * time.Second}
			c.set(f, &o)
			states, err := OpenStates(t.TempDir(), [32]byte{1}, 40_000)
			if err != nil {
				t.Fatal(err)
			}
			o.States = states
			s := start(t, f, o)
			stress(t, s, f, seed, 600)
		})
	}
}

// scored are the logprobs that the fake gives for a prompt.
func scored(prompt []Token, top int) []engine.Logprob {
	var sum uint64
	var out []engine.Logprob
	for i, id := range prompt {
		l := engine.Logprob{ID: id}
		if i > 0 {
			l.Logprob, l.Top = logprob(sum, id), make([]engine.Logprob, top)
		}
		out = append(out, l)
		sum = next(sum, id)
	}
	return out
}

func equalLogprobs(a, b engine.Logprob) bool {
	return a.ID == b.ID && a.Logprob == b.Logprob && len(a.Top) == len(b.Top)
}

func stress(t *testing.T, s *Scheduler, f *fake, seed uint64, jobs int) {
	ctx, stop := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("a job did not end"))
	defer stop()
	f.build = func(string) {}
	const clients = 6
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(client)))
			var talk []Token // a conversation
			for range jobs / clients {
				if len(talk) == 0 || len(talk) > s.Bound()*2/3 || rng.IntN(5) == 0 {
					talk = ids(1+rng.IntN(s.Bound()/2), rng.IntN(4)) // some begin alike
				} else if rng.IntN(3) == 0 {
					talk = talk[:1+rng.IntN(len(talk))]
				}
				talk = append(slices.Clip(talk), ids(1+rng.IntN(80), rng.IntN(100))...)
				if len(talk)+1 > s.Bound() {
					talk = talk[:s.Bound()/2]
				}
				max := rng.IntN(60)
				j, freed := f.asked(talk, 1+rng.IntN(min(3, len(s.slots))), max)
				j.Seeded = rng.IntN(6) == 0
				if j.n()*max+len(talk) > s.Bound()/2 { // each can be alone with its answers
					max, j.Max = 1, 1
				}
				if at := len(talk) / 2; rng.IntN(8) == 0 && len(talk) > 20 {
					p := &picture{at: at, ids: make([]Token, len(talk)-at-1)}
					talk = slices.Clone(talk)
					for i := range p.ids {
						talk[at+i] = -1 - Token(i)*7919 - talk[at]
						p.ids[i] = talk[at+i]
					}
					j.Prompt, j.Images = talk, []Image{p}
				}
				if rng.IntN(6) == 0 && j.Images == nil {
					j.Scored, j.Top = true, rng.IntN(2)
				}
				own, cancel := context.WithCancel(ctx)
				events, last := 0, rng.IntN(40)
				var scores []engine.Logprob
				out := run(own, s, j, func(e engine.Event) {
					if e, ok := e.(engine.PromptLogprobs); ok {
						scores = append(scores, e.Tokens...)
					}
					if events++; events == last {
						cancel()
					}
				})
				cancel()
				switch {
				case ctx.Err() != nil:
					t.Error(context.Cause(ctx))
					return
				case errors.Is(out.err, context.Canceled):
				case out.err != nil:
					t.Errorf("%d tokens, %d answers of %d: %v", len(talk), j.n(), max, out.err)
					return
				default:
					want := written(talk, max)
					for i, text := range out.texts {
						if text != want && !(out.ends[i] == engine.FinishModelLength && strings.HasPrefix(want, text)) {
							t.Errorf("%d tokens: answer %d is %q, %s, want %q", len(talk), i, text, out.ends[i], want)
							return
						}
					}
					if j.Scored && !slices.EqualFunc(scores, scored(talk, j.Top), equalLogprobs) {
						t.Errorf("%d tokens: wrong scores", len(talk))
					}
					if n := freed.Load(); n != int64(j.n()) {
						t.Errorf("%d of %d samplers were freed", n, j.n())
					}
				}
				if rng.IntN(50) == 0 {
					s.Call(s.saveNext)
				}
			}
		})
	}
	all.Wait()
	if t.Failed() {
		s.report(0)
		return
	}
	s.Call(func() {
		if len(s.jobs)+len(s.waiting) > 0 {
			s.drop()
		}
		if len(s.jobs)+len(s.waiting) > 0 {
			t.Errorf("%d jobs are left", len(s.jobs)+len(s.waiting))
		}
		for _, o := range s.slots {
			var has []Token
			for _, c := range f.seqs[o.seq] {
				has = append(has, c.token)
			}
			if o.busy || !slices.Equal(has, o.tokens) {
				t.Errorf("slot %d, busy %v, has %d tokens and its sequence %d", o.seq, o.busy, len(o.tokens), len(has))
			}
		}
	})
	if n := s.ledger.used(); n != len(f.used) {
		t.Errorf("%d cells are counted, and %d used", n, len(f.used))
	}
	t.Logf("%d tokens in %d batches, context of %d", f.decoded, f.batches, f.capacity)
}
