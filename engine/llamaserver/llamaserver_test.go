package llamaserver

import (
	"io"
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
	if o.LlamaServer == "" {
		o.LlamaServer = enginetest.LlamaServer(t)
	}
	if o.Threads == 0 {
		o.Threads = 1 // tiny models gain nothing from more
	}
	e, err := Open(t.Context(), Config{Path: path, Options: o, Log: io.Discard, Cache: filepath.Join(os.TempDir(), "bise-test-builds.json")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestContract(t *testing.T) {
	server := enginetest.LlamaServer(t)
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
			e := open(t, path, engine.LoadOptions{LlamaServer: server})
			enginetest.Run(t, enginetest.Suite{
				Open:          func(t *testing.T) engine.Engine { return open(t, path, engine.LoadOptions{LlamaServer: server}) },
				Ban:           e.bans(),
				EndToken:      e.ends.eos,
				BatchNumerics: true,
				Skip: map[string]string{
					"prompt-logprobs": "llama-server gives no probabilities of a prompt: requests for them are refused",
				},
			})
		})
	}
}
