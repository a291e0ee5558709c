package cli

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/modes/code"
)

// TestKeystrokes types a line in the middle of a large file, with models of each
// way to read a gap, and checks what a key costs once the prompt is warm.
func TestKeystrokes(t *testing.T) {
	if testing.Short() {
		t.Skip("evaluates long prompts")
	}
	for name, o := range map[string]tinymodel.Options{"suffix first": tinymodel.Mistral(), "prefix first": tinymodel.ChatML(), "recurrent": tinymodel.Mamba()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Context, o.Layers, o.Heads, o.KVHeads = 16384, 1, 1, 1 // a long prompt is what matters
			if o.Architecture == "mamba2" {
				o.Heads = 4
			}
			path := filepath.Join(t.TempDir(), "tiny.gguf")
			if err := tinymodel.Write(path, o); err != nil {
				t.Fatal(err)
			}
			e, err := llama.Open(t.Context(), path, engine.LoadOptions{Threads: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			s := code.New(t.Context(), e, code.Options{Tokens: 8000, MaxTokens: 1})
			defer s.Close()
			half := strings.Repeat("\tcase is == open: return the(way, to, other) // what it was\n", 800)
			ask := func(typed string) code.Completion {
				c, err := s.Complete(t.Context(), code.Place{File: "x.go", Text: half + typed + "\n" + half, At: len(half) + len(typed)})
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			line := "\tfor _, word := range strings.Fields(line) {\n\t\tcount[word]++\n"
			cold := ask(line[:1])
			if cold.Prompt < 7000 || cold.Evaluated < cold.Prompt-1 {
				t.Fatalf("cold: %+v", cold)
			}
			var times []time.Duration
			most := 0
			for i := range line[1:] {
				c := ask(line[:i+2])
				if c.Cached {
					continue // the model guessed it
				}
				most = max(most, c.Evaluated)
				times = append(times, c.Took)
			}
			slices.Sort(times)
			usual := times[len(times)/2]
			t.Logf("cold: %d tokens in %v; a key: at most %d tokens, usually %v", cold.Evaluated, cold.Took, most, usual)
			if most > 32 {
				t.Errorf("a key costs %d tokens", most)
			}
			if 10*usual > cold.Took {
				t.Errorf("a key usually takes %v, a cold prompt %v", usual, cold.Took)
			}
		})
	}
}
