//go:build cgo

package llama

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/footprint"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// tokens are n tokens that are text in every tiny model, different for every seed.
func tokens(n, seed int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(300 + (i*i*7+i*31+seed*97)%200)
	}
	return out
}

// write completes tokens greedily, or as set says.
func write(t *testing.T, e *Engine, ids []int32, n int, set ...func(*engine.Sampling)) enginetest.Answer {
	t.Helper()
	greedy := 0.0
	r := engine.CompletionRequest{Tokens: ids, Sampling: engine.Sampling{Temperature: &greedy, MaxTokens: &n, MinTokens: n}}
	for _, f := range set {
		f(&r.Sampling)
	}
	a, err := enginetest.Collect(e.Complete(t.Context(), r))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestOnlyNewTokensAreEvaluated(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Mistral()), engine.LoadOptions{})
	first := tokens(700, 1)
	if a := write(t, e, first, 1); a.Timings.Evaluated != 700 {
		t.Errorf("the first request evaluated %d tokens, want 700", a.Timings.Evaluated)
	}
	second := append(slices.Clone(first), tokens(30, 2)...)
	a := write(t, e, second, 1)
	if a.Timings.Evaluated != 30 || a.Usage.Cached() != 700 {
		t.Errorf("the second request evaluated %d tokens and reused %d, want 30 and 700", a.Timings.Evaluated, a.Usage.Cached())
	}
	// A conversation that begins alike shares cells with the first, which stays.
	branch := append(slices.Clone(first[:200]), tokens(50, 3)...)
	if a := write(t, e, branch, 1); a.Timings.Evaluated != 50 {
		t.Errorf("the branch evaluated %d tokens, want 50", a.Timings.Evaluated)
	}
	if a := write(t, e, second, 1); a.Timings.Evaluated > 2 {
		t.Errorf("going back to the second request evaluated %d tokens, want its last", a.Timings.Evaluated)
	}
}

func TestNoTokensWanted(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Mistral()), engine.LoadOptions{})
	if a := write(t, e, tokens(100, 1), 0); a.Text() != "" || a.Timings.Generated != 0 || a.Reasons[0] != engine.FinishLength {
		t.Errorf("it wrote %q, %d tokens, and ended by %s", a.Text(), a.Timings.Generated, a.Reasons[0])
	}
	if a := write(t, e, tokens(100, 1), 1); a.Timings.Evaluated != 1 {
		t.Errorf("then %d tokens were evaluated, want the last", a.Timings.Evaluated)
	}
}

func TestOnePromptServesManyAnswers(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Mistral()), engine.LoadOptions{})
	a := write(t, e, tokens(600, 1), 5, func(s *engine.Sampling) { s.N = 8 })
	if a.Timings.Evaluated != 600 || a.Timings.Generated != 40 {
		t.Errorf("%d tokens were evaluated and %d generated, want 600 and 40", a.Timings.Evaluated, a.Timings.Generated)
	}
	for i, text := range a.Texts {
		if text != a.Texts[0] {
			t.Errorf("greedy answer %d is %q, and the first is %q", i, text, a.Texts[0])
		}
	}
}

// A greedy answer must not depend on what the engine did before, on how its
// context came to its size, or on what is on disk.
func TestGrowing(t *testing.T) {
	path := tiny(t, tinymodel.Options{Context: 32768})
	small := open(t, path, engine.LoadOptions{})
	if n := small.Info().ContextNow; n != footprint.Context {
		t.Fatalf("the context begins with %d tokens, want %d", n, footprint.Context)
	}
	ids := tokens(3000, 1)
	write(t, small, ids, 1)
	long := append(slices.Clone(ids), tokens(1500, 2)...)
	a := write(t, small, long, 20)
	if a.Timings.Evaluated != 1500 {
		t.Errorf("after growing, %d tokens were evaluated, want 1500", a.Timings.Evaluated)
	}
	if n := small.Info().ContextNow; n < 4520 {
		t.Errorf("the context has %d tokens", n)
	}
	fresh := open(t, path, engine.LoadOptions{})
	if b := write(t, fresh, long, 20); b.Text() != a.Text() {
		t.Errorf("the grown context wrote %q, a fresh one %q", a.Text(), b.Text())
	}
}

func TestGrowsWhileWriting(t *testing.T) {
	no := false // the flash attention of llama.cpp's CPU code takes many times as long for a model like this
	e := open(t, tiny(t, tinymodel.Options{Context: 32768}), engine.LoadOptions{FlashAttn: &no})
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			// The context is sized for answers of 1,024 tokens, and these are longer.
			if a := write(t, e, tokens(1650, i), 1100); a.Timings.Generated != 1100 {
				t.Errorf("answer %d has %d tokens, want 1100", i, a.Timings.Generated)
			}
		})
	}
	wg.Wait()
	if n := e.Info().ContextNow; n <= 8192 {
		t.Errorf("the context has %d tokens, and 8,250 were needed", n)
	}
}

// The answers to one prompt still share its cells in the larger context.
func TestGrowsWhileSharing(t *testing.T) {
	no := false // as above
	e := open(t, tiny(t, tinymodel.Options{Context: 12000}), engine.LoadOptions{FlashAttn: &no})
	a := write(t, e, tokens(5000, 1), 1100, func(s *engine.Sampling) { s.N = 3 })
	if a.Timings.Generated != 3*1100 {
		t.Errorf("%d tokens were generated, want %d", a.Timings.Generated, 3*1100)
	}
	if n := e.Info().ContextNow; n <= 8192 {
		t.Errorf("the context has %d tokens, and 8,300 were needed", n)
	}
	for i, text := range a.Texts {
		if text != a.Texts[0] {
			t.Errorf("greedy answer %d differs from the first", i)
		}
	}
}

func TestContextIsFull(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Options{Context: 1024}), engine.LoadOptions{})
	max := 5000
	a, err := enginetest.Collect(e.Complete(t.Context(), engine.CompletionRequest{Tokens: tokens(900, 1), Sampling: engine.Sampling{MaxTokens: &max, MinTokens: max}}))
	if err != nil {
		t.Fatal(err)
	}
	if a.Reasons[0] != engine.FinishModelLength || a.Timings.Generated < 100 || a.Timings.Generated > 124 {
		t.Errorf("the answer ended by %q after %d tokens", a.Reasons[0], a.Timings.Generated)
	}
	_, err = enginetest.Collect(e.Complete(t.Context(), engine.CompletionRequest{Tokens: tokens(2000, 1)}))
	if fault.KindOf(err) != fault.TooLong || engine.OverflowOf(err) != (engine.ContextOverflow{Tokens: 2001, Limit: 1024}) {
		t.Errorf("2,000 tokens: %v", err)
	}
}

// Megabytes are refused without being tokenized, with a figure that is near.
func TestFarTooLong(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Mistral()), engine.LoadOptions{})
	text := strings.Repeat("all work and no play ", 500_000)
	want := len(e.vocab.Encode(text, false))
	_, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat(text)))
	tooLong := engine.OverflowOf(err)
	if fault.KindOf(err) != fault.TooLong || tooLong.Limit != 2048 {
		t.Fatalf("got %v", err)
	}
	if off := float64(tooLong.Tokens)/float64(want) - 1; off < -0.05 || off > 0.05 || !strings.Contains(err.Error(), "about") {
		t.Errorf("%d tokens are told as %v", want, err)
	}
}

// When requests do not fit together they follow each other, and none is lost.
func TestRequestsThatDoNotFitTogether(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Options{Context: 2048}), engine.LoadOptions{})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if a := write(t, e, tokens(1200, i), 300); a.Timings.Generated != 300 {
				t.Errorf("answer %d has %d tokens, want 300", i, a.Timings.Generated)
			}
		})
	}
	wg.Wait()
}

func TestSavedConversations(t *testing.T) {
	for name, o := range map[string]tinymodel.Options{"attention": tinymodel.Mistral(), "latent attention": tinymodel.Latent(), "state": tinymodel.Mamba()} {
		t.Run(name, func(t *testing.T) {
			path, dir := tiny(t, o), t.TempDir()
			ids := tokens(600, 1)
			e := open(t, path, engine.LoadOptions{StateDir: dir})
			a := write(t, e, ids, 10)
			e.Close()

			again := open(t, path, engine.LoadOptions{StateDir: dir})
			// What was answered is part of the conversation, as it is when people go on.
			more := append(slices.Clone(ids), tokens(20, 2)...)
			b := write(t, again, more, 10)
			if name != "state" && b.Timings.Evaluated != 20 {
				t.Errorf("%d tokens were evaluated, want 20", b.Timings.Evaluated)
			}
			again.Close()

			fresh := open(t, path, engine.LoadOptions{})
			if c := write(t, fresh, more, 10); c.Text() != b.Text() {
				t.Errorf("from disk it wrote %q, from nothing %q", b.Text(), c.Text())
			}
			if c := write(t, fresh, ids, 10); c.Text() != a.Text() {
				t.Errorf("first it wrote %q, then %q", a.Text(), c.Text())
			}
		})
	}
}

// Whatever happened to the files, the answers are right and the files that are
// not are gone.
func TestSpoiledStates(t *testing.T) {
	path, dir := tiny(t, tinymodel.Mistral()), t.TempDir()
	ids := tokens(300, 1)
	e := open(t, path, engine.LoadOptions{StateDir: dir})
	want := write(t, e, ids, 10).Text()
	e.Close()
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.kv"))
	if len(files) != 1 {
		t.Fatalf("there are %d saved conversations, want 1", len(files))
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	spoil := map[string]func() []byte{
		"empty":     func() []byte { return nil },
		"foreign":   func() []byte { return []byte("not a state at all, but somebody's notes") },
		"truncated": func() []byte { return good[:len(good)/2] },
		"flipped":   func() []byte { b := slices.Clone(good); b[len(b)/2] ^= 1; return b },
		"key":       func() []byte { b := slices.Clone(good); b[13] ^= 1; return b },
		"version":   func() []byte { b := slices.Clone(good); b[8]++; return b },
		"count":     func() []byte { b := slices.Clone(good); b[47] = 0xff; return b },
		"appended":  func() []byte { return append(slices.Clone(good), 0) },
	}
	for name, data := range spoil {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(files[0], data(), 0o600); err != nil {
				t.Fatal(err)
			}
			e := open(t, path, engine.LoadOptions{StateDir: dir})
			a := write(t, e, ids, 10)
			if a.Text() != want || a.Usage.Cached() != 0 {
				t.Errorf("it wrote %q with %d tokens reused, want %q and 0", a.Text(), a.Usage.Cached(), want)
			}
			if now, err := os.ReadFile(files[0]); err == nil && slices.Equal(now, data()) {
				t.Error("the spoiled file is still there")
			}
		})
	}
	t.Run("good", func(t *testing.T) {
		if err := os.WriteFile(files[0], good, 0o600); err != nil {
			t.Fatal(err)
		}
		e := open(t, path, engine.LoadOptions{StateDir: dir})
		if a := write(t, e, ids, 10); a.Text() != want || a.Usage.Cached() != 299 {
			t.Errorf("it wrote %q with %d tokens reused, want %q and 299", a.Text(), a.Usage.Cached(), want)
		}
	})
}

func TestStatesAreBounded(t *testing.T) {
	path, dir := tiny(t, tinymodel.Mistral()), t.TempDir()
	e := open(t, path, engine.LoadOptions{StateDir: dir, Slots: 2, StateBytes: 1_000_000})
	for i := range 12 {
		write(t, e, tokens(500, i), 1)
	}
	e.Close()
	var total int64
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.kv"))
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total > 1_000_000 || len(files) == 0 {
		t.Errorf("%d files have %d bytes", len(files), total)
	}
}

// A conversation that had to leave its slot comes back from disk.
func TestEvictedConversationsComeBack(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Mistral()), engine.LoadOptions{StateDir: t.TempDir(), Slots: 2})
	first := tokens(500, 0)
	want := write(t, e, first, 5).Text()
	for i := range 5 {
		write(t, e, tokens(500, i+1), 1)
	}
	a := write(t, e, first, 5)
	if a.Text() != want || a.Usage.Cached() != 499 || a.Timings.Restore == 0 {
		t.Errorf("it wrote %q with %d tokens reused, want %q and 499", a.Text(), a.Usage.Cached(), want)
	}
}

// The end of a request ends a batch that nobody else waits for, long before it
// is computed.
func TestCancelWithinABatch(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Options{Layers: 24, Width: 256, FFN: 2048, Context: 8192}), engine.LoadOptions{Batch: 4096})
	all := e.instance.Nodes() // of the warm-up
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	computing := func() bool { n := e.instance.Nodes(); return n > 0 && n < all }
	go func() {
		for !computing() && ctx.Err() == nil {
			runtime.Gosched()
		}
		cancel()
	}()
	var err error
	for _, err = range e.Complete(ctx, engine.CompletionRequest{Tokens: tokens(4000, 1)}) {
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the request ended with %v", err)
	}
	if err := e.scheduler.Call(func() {}); err != nil { // waits for the end of the batch
		t.Fatal(err)
	}
	if n := e.instance.Nodes(); n >= all {
		t.Errorf("%d of %d nodes were computed", n, all)
	}
	if a := write(t, e, tokens(10, 1), 1); a.Usage.Cached() != 0 {
		t.Errorf("%d tokens of a cancelled batch were reused", a.Usage.Cached())
	}
}

func TestSeedsWhateverIsCached(t *testing.T) {
	path := tiny(t, tinymodel.Options{Width: 256, Layers: 4})
	e := open(t, path, engine.LoadOptions{Batch: 64})
	hot, seed := 1.0, int64(42)
	set := func(s *engine.Sampling) { s.Temperature, s.Seed = &hot, &seed }
	ids := tokens(300, 1)
	want := write(t, e, ids, 40, set).Text()
	write(t, e, append(slices.Clone(ids), tokens(100, 2)...), 20)
	write(t, e, ids[:150], 20)
	for range 3 {
		if got := write(t, e, ids, 40, set).Text(); got != want {
			t.Errorf("the same seed wrote %q, then %q", want, got)
		}
	}
}

// TestStateToComeBackTo checks that a model whose memory cannot forget goes on
// from a state that it had before, though another end was read since; and that
// such states, of which there are many, are not saved as conversations are.
func TestStateToComeBackTo(t *testing.T) {
	dir := t.TempDir()
	e := open(t, tiny(t, tinymodel.Mamba()), engine.LoadOptions{StateDir: dir})
	begin := tokens(600, 1)
	end := func(i int) []int32 { return append(slices.Clone(begin), tokens(4, i)...) }
	want := write(t, e, end(2), 10).Text()
	write(t, e, begin, 0)
	for i := range 6 {
		if a := write(t, e, end(i+2), 10); a.Timings.Evaluated > 5 {
			t.Errorf("end %d: %d tokens were evaluated", i, a.Timings.Evaluated)
		} else if i == 0 && a.Text() != want {
			t.Errorf("from a state it wrote %q, from nothing %q", a.Text(), want)
		}
	}
	e.Close()
	if files, _ := filepath.Glob(filepath.Join(dir, "*", "*.kv")); len(files) > 7 {
		t.Errorf("%d states are saved, of 7 conversations", len(files))
	}
}
