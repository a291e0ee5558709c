//go:build cgo

package llama

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// tiny writes a model of random weights and returns its path.
func tiny(t testing.TB, o tinymodel.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := tinymodel.Write(path, o); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, o engine.LoadOptions) *Engine {
	t.Helper()
	if o.Threads == 0 {
		o.Threads = 1 // tiny models gain nothing from more, and lose much when other tests compute
	}
	e, err := Open(t.Context(), path, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestContract(t *testing.T) {
	models := map[string]tinymodel.Options{
		"mistral":  tinymodel.Mistral(),
		"chatml":   tinymodel.ChatML(),
		"embedder": tinymodel.Embedder(),
		"mamba":    tinymodel.Mamba(),
		"latent":   tinymodel.Latent(),
	}
	for name, o := range models {
		t.Run(name, func(t *testing.T) {
			path := tiny(t, o)
			e := open(t, path, engine.LoadOptions{})
			var control []int32
			for id := range int32(e.vocab.Len()) {
				if e.vocab.IsControl(id) && id != e.instance.m.eos() {
					control = append(control, id)
				}
			}
			enginetest.Run(t, enginetest.Suite{
				Open:          func(t *testing.T) engine.Engine { return open(t, path, engine.LoadOptions{Threads: 1}) },
				Ban:           control,
				EndToken:      e.instance.m.eos(),
				BatchNumerics: true,
			})
		})
	}
}

// realModel is a small model that people have used before, where there is one.
func realModel(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(cache, "bise-fixtures", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if _, err := os.Stat(path); err != nil {
		t.Skip("no real model at hand")
	}
	return path
}
