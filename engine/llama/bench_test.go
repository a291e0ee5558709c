//go:build cgo

package llama

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// The benchmarks report ratios against a baseline measured in turn with it, on a
// real model where there is one. What makes the machine slower for a while makes
// both slower.

// words are n tokens that are text in most vocabularies.
func words(n, seed int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(1000 + (i*7919+seed*104729)%20000)
	}
	return out
}

func complete(b *testing.B, e *Engine, ids []int32, max, n int) enginetest.Answer {
	b.Helper()
	greedy := 0.0
	a, err := enginetest.Collect(e.Complete(b.Context(), engine.CompletionRequest{
		Tokens: ids, Sampling: engine.Sampling{Temperature: &greedy, MaxTokens: &max, MinTokens: max, N: n},
	}))
	if err != nil {
		b.Fatal(err)
	}
	return a
}

func openReal(b *testing.B, o engine.LoadOptions) *Engine {
	b.Helper()
	return openBench(b, realModel(b), o)
}

func openBench(b *testing.B, path string, o engine.LoadOptions) *Engine {
	b.Helper()
	e, err := Open(b.Context(), path, o, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	return e
}

// BenchmarkOverhead compares the engine with a bare loop over the same context.
func BenchmarkOverhead(b *testing.B) {
	e := openReal(b, engine.LoadOptions{})
	const prompt, written = 512, 128
	var prefill, decode, barePrefill, bareDecode []float64
	for i := 0; b.Loop(); i++ {
		ids := words(prompt, i)
		bare, err := e.Bare(ids, written)
		if err != nil {
			b.Fatal(err)
		}
		barePrefill = append(barePrefill, bare.Prefill.Seconds())
		bareDecode = append(bareDecode, bare.Decode.Seconds())
		t := complete(b, e, words(prompt, i+1<<20), written, 1).Timings
		prefill = append(prefill, t.Prefill.Seconds())
		decode = append(decode, t.Decode.Seconds())
	}
	b.ReportMetric(median(barePrefill)/median(prefill), "×prefill")
	b.ReportMetric(median(bareDecode)/median(decode), "×decode")
	b.ReportMetric(prompt/median(prefill), "prefill-tok/s")
	b.ReportMetric((written-1)/median(decode), "decode-tok/s")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkAnswers compares 8 answers to one 500-token prompt in one batch with
// 8 one after the other. What is gained is reading the weights once instead of
// eight times, which is much for a model that does not fit the processor's cache
// (1B is of random weights in Q4_K) and little for the small one.
func BenchmarkAnswers(b *testing.B) {
	b.Run("1B", func(b *testing.B) {
		o := tinymodel.Mistral()
		o.Layers, o.Width, o.Heads, o.KVHeads, o.FFN, o.Weights = 16, 2048, 32, 8, 8192, gguf.Q4_K
		benchmarkAnswers(b, openBench(b, tiny(b, o), engine.LoadOptions{}), tokens)
	})
	b.Run("135M", func(b *testing.B) { benchmarkAnswers(b, openReal(b, engine.LoadOptions{}), words) })
}

func benchmarkAnswers(b *testing.B, e *Engine, words func(n, seed int) []int32) {
	const written = 100
	var together, apart []float64
	for i := 0; b.Loop(); i++ {
		t := complete(b, e, words(500, i), written, 8).Timings
		if t.Evaluated != 500 {
			b.Fatalf("%d prompt tokens were evaluated", t.Evaluated)
		}
		together = append(together, t.Decode.Seconds())
		one := complete(b, e, words(500, i), written, 1).Timings
		apart = append(apart, 8*one.Decode.Seconds())
	}
	b.ReportMetric(median(together)/median(apart), "×sequential")
}

// BenchmarkSecondQuestion compares the second question of a 4,000-token
// conversation with evaluating all of it.
func BenchmarkSecondQuestion(b *testing.B) {
	e := openReal(b, engine.LoadOptions{})
	var first, second []float64
	for i := 0; b.Loop(); i++ {
		ids := words(4000, i)
		first = append(first, complete(b, e, ids, 1, 1).Timings.FirstToken.Seconds())
		t := complete(b, e, append(ids, words(20, i+1)...), 1, 1).Timings
		if t.Evaluated != 20 {
			b.Fatalf("%d tokens were evaluated, want 20", t.Evaluated)
		}
		second = append(second, t.FirstToken.Seconds())
	}
	b.ReportMetric(median(first)/median(second), "×faster")
	b.ReportMetric(1e3*median(second), "ms/first-token")
}

// BenchmarkResume compares bringing a 4,000-token conversation back from disk,
// in an engine that was just opened, with evaluating it.
func BenchmarkResume(b *testing.B) {
	dir := b.TempDir()
	var evaluate, restore []float64
	for i := 0; b.Loop(); i++ {
		ids := words(4000, i)
		e := openReal(b, engine.LoadOptions{StateDir: dir})
		evaluate = append(evaluate, complete(b, e, ids, 1, 1).Timings.FirstToken.Seconds())
		e.Close()
		again := openReal(b, engine.LoadOptions{StateDir: dir})
		begin := time.Now()
		t := complete(b, again, append(ids, words(20, i+1)...), 1, 1).Timings
		if t.Evaluated != 20 || t.Restore == 0 {
			b.Fatalf("%d tokens were evaluated, want 20 after a restore", t.Evaluated)
		}
		restore = append(restore, t.Restore.Seconds())
		b.ReportMetric(1e3*time.Since(begin).Seconds(), "ms/first-token")
		again.Close()
	}
	b.ReportMetric(median(restore)/median(evaluate), "×evaluation")
	b.ReportMetric(1e3*median(restore), "ms/restore")
}

// BenchmarkLatentPrefill prefills long prompts with latent attention: keys and values as wide
// as in Mistral Small 4 (320 and 256 for each token), in 2 layers of one head instead of 36 of
// 32. At these lengths nearly all of the time is attention, which grows with both.
func BenchmarkLatentPrefill(b *testing.B) {
	o := tinymodel.Latent()
	o.Layers, o.Width, o.Heads, o.HeadWidth, o.FFN, o.Context, o.Weights = 2, 512, 1, 128, 256, 40960, gguf.Q8_0
	path := tiny(b, o)
	off := false
	for _, flash := range []struct {
		name string
		on   *bool
	}{{"flash", nil}, {"plain", &off}} {
		for _, n := range []int{8192, 32768} {
			b.Run(fmt.Sprintf("%s/%d", flash.name, n), func(b *testing.B) {
				e := openBench(b, path, engine.LoadOptions{FlashAttn: flash.on, Context: 40960})
				var all []float64
				for i := 0; b.Loop(); i++ {
					all = append(all, complete(b, e, tokens(n, i), 1, 1).Timings.PrefillRate())
				}
				b.ReportMetric(median(all), "tok/s")
			})
		}
	}
}
