package enginetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/bise-sh/bise/engine"
)

// testConcurrent has callers of every kind at once. Each gets what it gets alone.
func testConcurrent(t *testing.T, c *check) {
	const callers, rounds, n = 16, 3, 12
	w := &workload{check: c, tokens: n}
	for i := range callers {
		w.expect(t, i)
	}
	ctx := c.context(t)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for round := range rounds {
				if i%4 == 3 && writes.missing(c.info.Can) == "" {
					if err := w.cancelled(ctx, i); err != nil {
						t.Errorf("caller %d, round %d: %v", i, round, err)
					}
					continue
				}
				if err := w.request(ctx, c.e, i, untapped); err != nil {
					t.Errorf("caller %d, round %d: %v", i, round, err)
				}
			}
		})
	}
	wg.Wait()
}

// A workload is a set of requests of all kinds with their answers, numbered from
// 0 on.
type workload struct {
	*check
	tokens  int // of an answer
	expects []string
}

// kinds are what a request of a workload can be.
const (
	writing = iota
	completing
	embedding
	tokenizing
	kinds
)

// kind is what request i is: as many of each that the model can do.
func (w *workload) kind(i int) int {
	switch k := i % kinds; {
	case k == embedding && !w.info.Can.Embed, k == completing && writes.missing(w.info.Can) != "":
		return tokenizing
	case k == writing && writes.missing(w.info.Can) != "":
		return embedding
	default:
		return k
	}
}

func (w *workload) prompt(i int) string {
	return fmt.Sprintf("Request %d is about %s.", i, words[i%len(words)])
}

// expect notes the answer to request i, which comes after i-1.
func (w *workload) expect(t *testing.T, i int) {
	t.Helper()
	got, err := w.answer(w.context(t), w.e, i, untapped)
	if err != nil {
		t.Fatalf("request %d alone: %v", i, err)
	}
	w.expects = append(w.expects, got)
}

// request makes request i and compares its answer. What it returns is the
// engine's error, or one of ErrOrder or errAnswer.
func (w *workload) request(ctx context.Context, e engine.Engine, i int, t tap) error {
	i %= len(w.expects)
	got, err := w.answer(ctx, e, i, t)
	if err == nil && got != w.expects[i] && !w.BatchNumerics {
		err = fmt.Errorf("%w: request %d gives %q, want %q", errAnswer, i, got, w.expects[i])
	}
	return err
}

var errAnswer = errors.New("the answer is not that of the request alone")

// A tap stands between an answer and who reads it.
type tap func(iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error]

func untapped(seq iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] { return seq }

// after is a tap that calls a function once n events have passed.
func after(n int, do func()) tap {
	return func(seq iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
		return func(yield func(engine.Event, error) bool) {
			left := n
			for e, err := range seq {
				if !yield(e, err) {
					return
				}
				if left--; left == 0 {
					do()
				}
			}
		}
	}
}

// answer makes request i and gives what has to be the same each time.
func (w *workload) answer(ctx context.Context, e engine.Engine, i int, t tap) (string, error) {
	prompt := w.prompt(i)
	var a Answer
	var err error
	switch w.kind(i) {
	case writing:
		a, err = Collect(t(w.writeOn(ctx, e, prompt, w.tokens)))
	case completing:
		a, err = Collect(t(e.Complete(ctx, engine.CompletionRequest{Prompt: prompt, Sampling: w.sampling(w.tokens)})))
	case embedding:
		got, err := e.Embed(ctx, engine.EmbedRequest{Input: []string{prompt}})
		if err != nil {
			return "", err
		}
		if len(got.Vectors) != 1 {
			return "", fmt.Errorf("%w: one text has %d vectors", errAnswer, len(got.Vectors))
		}
		return fmt.Sprintf("%d components", len(got.Vectors[0])), nil
	case tokenizing:
		got, err := e.Tokenize(ctx, engine.TokenizeRequest{Text: &prompt})
		return fmt.Sprint(got.IDs, strings.Join(got.Pieces, "")), err
	}
	if err == nil && (a.Usage.CompletionTokens != w.tokens || a.Reason() != engine.FinishLength) {
		err = fmt.Errorf("%w: %d of %d tokens came, %s", errAnswer, a.Usage.CompletionTokens, w.tokens, a.Reason())
	}
	return a.Text(), err
}

var errCaller = errors.New("the caller thought better of it")

// cancelled makes a long request and cancels it when its text begins.
func (w *workload) cancelled(ctx context.Context, i int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var a Answer
	for event, err := range w.write(ctx, w.prompt(i), w.fits(4096)) {
		if err == nil {
			err = a.Add(event)
		}
		if errors.Is(err, errCaller) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, ok := event.(engine.TextDelta); ok {
			cancel(errCaller)
		}
	}
	return fmt.Errorf("%w: it ended although it was cancelled", errAnswer)
}
