//go:build cgo

package llama

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/engine"
)

func realModel(t testing.TB) string {
	cache, _ := os.UserCacheDir()
	path := filepath.Join(cache, "bise-fixtures", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(path); err != nil {
		t.Skip("no real model at hand")
	}
	return path
}

func TestReal(t *testing.T) {
	e, err := Open(t.Context(), realModel(t), engine.LoadOptions{StateDir: t.TempDir()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	t.Logf("%+v", e.Info())
	zero := 0.0
	max := 60
	for range 2 {
		for ev, err := range e.Complete(context.Background(), engine.CompletionRequest{Prompt: "The capital of France is", Sampling: engine.Sampling{Temperature: &zero, MaxTokens: &max}}) {
			t.Logf("%#v %v", ev, err)
		}
	}
}

func TestSpeed(t *testing.T) {
	for _, flash := range []bool{true, false} {
		e, err := Open(t.Context(), realModel(t), engine.LoadOptions{FlashAttn: &flash}, nil)
		if err != nil {
			t.Fatal(err)
		}
		zero := 0.0
		max := 100
		for _, n := range []int{512, 2000, 3500} {
			ids := make([]int32, n)
			for i := range ids {
				ids[i] = int32(1000 + (i*7919)%20000+n)
			}
			for ev, err := range e.Complete(context.Background(), engine.CompletionRequest{Tokens: ids, Sampling: engine.Sampling{Temperature: &zero, MaxTokens: &max, MinTokens: 100}}) {
				if d, ok := ev.(engine.Done); ok {
					t.Logf("flash %v n %d: prefill %.0f decode %.1f", flash, n, d.Timings.PrefillRate(), d.Timings.DecodeRate())
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		e.Close()
	}
}
