//go:build cgo

package llama

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// Drafts change no token of a greedy answer, nor of one with a seed, whatever kernels the
// weights have: those for repacked Q4_K compute four rows in another way than one.
func TestLookupIsExact(t *testing.T) {
	for _, weights := range []gguf.Type{gguf.F32, gguf.F16, gguf.Q8_0, gguf.Q4_0, gguf.Q4_K} {
		t.Run(fmt.Sprint(weights), func(t *testing.T) {
			o := tinymodel.Mistral()
			o.Width, o.FFN, o.Weights = 256, 512, weights
			path := tiny(t, o)
			// Both engines get the same requests: what they hold rounds answers too.
			with, without := open(t, path, engine.LoadOptions{}), open(t, path, engine.LoadOptions{})
			drafted, accepted := 0, 0
			for seed := range 4 {
				block := tokens(40, seed)
				ids := slices.Concat(block, block, block[:20])
				for _, sample := range []struct {
					temperature float64
					seed        *int64
				}{{0, nil}, {0.3, new(int64(seed))}, {0, nil}} {
					answer := func(e *Engine, l engine.Lookup) string {
						a := write(t, e, ids, 150, func(s *engine.Sampling) {
							s.Temperature, s.Seed, s.Lookup = &sample.temperature, sample.seed, l
						})
						drafted, accepted = drafted+a.Timings.Drafted, accepted+a.Timings.Accepted
						return a.Text()
					}
					if got, want := answer(with, engine.LookupCopies), answer(without, engine.LookupOff); got != want {
						t.Errorf("prompt %d at temperature %v: with drafts %.90q, without %.90q", seed, sample.temperature, got, want)
					}
				}
			}
			t.Logf("%d of %d drafted tokens were accepted", accepted, drafted)
		})
	}
}
