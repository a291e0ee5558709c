package enginetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func testInfo(t *testing.T, c *check) {
	i := c.info
	if i.Model == "" {
		t.Error("the model has no name")
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"parameters", i.Parameters},
		{"size", i.Size},
		{"vocabulary", int64(i.Vocabulary)},
		{"embedding_size", int64(i.EmbeddingSize)},
		{"context_length", int64(i.ContextLength)},
		{"context_now", int64(i.ContextNow)},
	} {
		if f.value < 0 {
			t.Errorf("%s is %d", f.name, f.value)
		}
	}
	if i.ContextLength > 0 && i.ContextNow > i.ContextLength {
		t.Errorf("the context of at most %d tokens has %d", i.ContextLength, i.ContextNow)
	}
}

// Collect checks the order itself, so this only has to see every part of it.
func testOrder(t *testing.T, c *check) {
	a := c.wrote(t, "Tell me about the order of things.", 16)
	if len(a.Reasons) != 1 {
		t.Errorf("there are %d choices, want 1", len(a.Reasons))
	}
	if a.Text() == "" {
		t.Error("16 tokens have no text")
	}
	if a.LeftOut != nil {
		t.Errorf("%+v was left out of a short request", *a.LeftOut)
	}
}

func testGreedy(t *testing.T, c *check) {
	want := c.wrote(t, "The same again, please.", 24)
	for _, s := range []struct {
		name string
		set  setting
	}{
		{"again", func(*engine.Sampling) {}},
		{"with a seed", func(s *engine.Sampling) { s.Seed = new(int64(3)) }},
		{"with another seed", func(s *engine.Sampling) { s.Seed = new(int64(4)) }},
		{"with top_k 1", func(s *engine.Sampling) { s.Temperature, s.TopK = new(1.0), new(1) }},
	} {
		if got := c.wrote(t, "The same again, please.", 24, s.set); got.Text() != want.Text() {
			t.Errorf("%s: got %q, want %q", s.name, got.Text(), want.Text())
		}
	}
}

// Ranging twice runs the request twice.
func testAgain(t *testing.T, c *check) {
	seq := c.write(c.context(t), "Twice over.", 12)
	first, second := collected(t, seq), collected(t, seq)
	if first.Text() != second.Text() || first.Usage.CompletionTokens != second.Usage.CompletionTokens {
		t.Errorf("first %q (%+v), then %q (%+v)", first.Text(), first.Usage, second.Text(), second.Usage)
	}
}

func testStreaming(t *testing.T, c *check) {
	// A slow reader may get all of a short text at once, so it has a few tries.
	for n := 64; n <= 512; n *= 2 {
		if n = c.fits(n); len(c.wrote(t, "Tell me something long.", n).Deltas[0]) > 1 {
			return
		}
	}
	t.Error("the text never came in more than one piece")
}

// fits bounds the length of an answer by half the context.
func (c *check) fits(n int) int {
	if l := c.info.ContextLength; l > 0 {
		return min(n, l/2)
	}
	return n
}

func testCancel(t *testing.T, c *check) {
	want := c.wrote(t, "After the storm.", 8)
	cause := errors.New("the user pressed esc")
	for range 3 {
		ctx, cancel := context.WithCancelCause(c.context(t))
		var deltas int
		var failed error
		for e, err := range c.write(ctx, "Talk until you are stopped.", c.fits(4096)) {
			if failed != nil {
				t.Fatalf("%T and %v after the error %v", e, err, failed)
			}
			if err != nil {
				failed = err
				continue
			}
			switch e.(type) {
			case engine.TextDelta:
				deltas++
				cancel(cause)
			case engine.Done:
				t.Fatal("the answer was done although it was cancelled")
			}
		}
		cancel(nil)
		if !errors.Is(failed, cause) {
			t.Fatalf("the sequence ended with %v, want the cause of the cancellation", failed)
		}
		if deltas > 2 {
			t.Errorf("%d pieces came after the cancellation, want 1 at most", deltas-1)
		}
		if got := c.wrote(t, "After the storm.", 8); got.Text() != want.Text() {
			t.Errorf("afterwards: got %q, want %q", got.Text(), want.Text())
		}
	}
}

func testCancelled(t *testing.T, c *check) {
	cause := errors.New("too late")
	ctx, cancel := context.WithCancelCause(c.context(t))
	cancel(cause)
	a, err := Collect(c.write(ctx, "Never mind.", 8))
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause of the cancellation", err)
	}
	if len(a.Reasons) > 0 {
		t.Errorf("the answer %q began although it was cancelled", a.Texts)
	}
	if c.info.Can.Embed {
		if _, err := c.e.Embed(ctx, engine.EmbedRequest{Input: []string{"a"}}); !errors.Is(err, cause) {
			t.Errorf("embed: got %v, want the cause of the cancellation", err)
		}
	}
}

func testLeave(t *testing.T, c *check) {
	want := c.wrote(t, "After leaving.", 8)
	for range 5 {
		left := false
		for e, err := range c.write(c.context(t), "Talk to a closed connection.", c.fits(4096)) {
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := e.(engine.TextDelta); ok {
				left = true
				break
			}
		}
		if !left {
			t.Fatal("there was no text")
		}
	}
	if got := c.wrote(t, "After leaving.", 8); got.Text() != want.Text() {
		t.Errorf("afterwards: got %q, want %q", got.Text(), want.Text())
	}
}

// testClose closes engines that it opens itself: the suite still needs its engine.
func testClose(t *testing.T, c *check) {
	CheckLeaks(t)
	e := c.Open(t)
	if _, err := e.Tokenize(c.context(t), engine.TokenizeRequest{Text: new("a")}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := e.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	closed := func(call string, err error) {
		if fault.KindOf(err) != fault.Closed {
			t.Errorf("%s after Close: %v, want an error of kind closed", call, err)
		}
	}
	ctx := c.context(t)
	if writes.missing(c.info.Can) == "" {
		_, err := Collect(c.writeOn(ctx, e, "Anyone there?", 4))
		closed("write", err)
	}
	_, err := e.Tokenize(ctx, engine.TokenizeRequest{Text: new("a")})
	closed("tokenize", err)
	if c.info.Can.Embed {
		_, err = e.Embed(ctx, engine.EmbedRequest{Input: []string{"a"}})
		closed("embed", err)
	}
	e.Info() // must not panic

	if e = c.Open(t); e.Close() != nil {
		t.Error("an engine that was never used cannot be closed")
	}
}

func testCloseWaits(t *testing.T, c *check) {
	CheckLeaks(t)
	e := c.Open(t)
	ctx := c.context(t)
	begun, closing := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	closed := make(chan error, 1)
	go func() {
		<-begun
		close(closing)
		closed <- e.Close()
	}()
	var a Answer
	for event, err := range c.writeOn(ctx, e, "Let me finish.", 64) {
		if err == nil {
			err = a.Add(event)
		}
		if err != nil {
			t.Errorf("the answer was cut off by Close: %v", err)
			break
		}
		if _, ok := event.(engine.TextDelta); ok {
			begin()
			<-closing
		}
	}
	begin()
	select {
	case err := <-closed:
		if err != nil {
			t.Errorf("close: %v", err)
		}
	case <-ctx.Done():
		t.Fatal(context.Cause(ctx))
	}
	if !a.Done || a.Usage.CompletionTokens != 64 {
		t.Errorf("%d of 64 tokens came, done: %v", a.Usage.CompletionTokens, a.Done)
	}
}
