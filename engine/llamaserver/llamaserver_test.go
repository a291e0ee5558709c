package llamaserver

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// realServer is the path of a llama-server, where there is one: $LLAMA_SERVER, on the PATH, or what
// `make llama-server` has built.
func realServer(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("LLAMA_SERVER"); path != "" {
		return path
	}
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		if native := os.Getenv("BISE_NATIVE_CACHE"); native != "" {
			cache = native
		} else {
			cache = filepath.Join(cache, "bise", "native")
		}
		if list, _ := filepath.Glob(filepath.Join(cache, "llama-server-*", "llama-server")); len(list) > 0 {
			return list[len(list)-1]
		}
	}
	t.Skip("no llama-server is installed; make llama-server builds one")
	return ""
}

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
		o.LlamaServer = realServer(t)
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
	server := realServer(t)
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
