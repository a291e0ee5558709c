//go:build cgo

package llama

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// TestLongContextsUnderStress cancels, grows, saves and restores with the real context.
// Every request must end; package scheduler has the same test with exact answers.
func TestLongContextsUnderStress(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes ten seconds")
	}
	no := false // flash attention takes many times as long for a model like this
	o := tinymodel.Options{Context: 16384, Layers: 1, Width: 32, Heads: 2, KVHeads: 1}
	e := open(t, tiny(t, o), engine.LoadOptions{StateDir: t.TempDir(), StateBytes: 3_000_000, Slots: 5, FlashAttn: &no})
	const clients, rounds = 4, 6
	ctx, stop := context.WithTimeoutCause(t.Context(), 4*time.Minute, errors.New("a request did not end"))
	defer stop()
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(7, uint64(client)))
			for range rounds {
				n := 1 + rng.IntN(500)
				if rng.IntN(3) == 0 {
					n = 1000 + rng.IntN(5000)
				}
				most := 1 + rng.IntN(20)
				r := engine.CompletionRequest{Tokens: tokens(n, rng.IntN(3)), Sampling: engine.Sampling{MaxTokens: &most, N: 1 + rng.IntN(2)}}
				own, cancel := context.WithCancel(ctx)
				events, last := 0, rng.IntN(16)
				for _, err := range e.Complete(own, r) {
					if err != nil && own.Err() == nil {
						t.Errorf("%d tokens: %s: %v", n, fault.KindOf(err), err)
					}
					if events++; events == last {
						cancel()
					}
				}
				cancel()
				if ctx.Err() != nil {
					t.Error(context.Cause(ctx))
					return
				}
			}
		})
	}
	all.Wait()
	if a, err := enginetest.Collect(e.Complete(ctx, engine.CompletionRequest{Tokens: tokens(3, 1)})); err != nil || !a.Done {
		t.Errorf("afterwards: %v", err)
	}
	if used := e.Info().ContextUsed; used > e.Info().ContextNow {
		t.Errorf("%d cells of %d are used", used, e.Info().ContextNow)
	}
}
