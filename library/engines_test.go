package library

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/models"
)

// What is wrong with the engine comes before what to do.
func TestDetailsNameTheProblem(t *testing.T) {
	l := newLibrary(t)
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := tinymodel.Write(path, tinymodel.Mistral()); err != nil {
		t.Fatal(err)
	}
	l.options.Config.Engine = config.Engine{Engine: config.LlamaServer, LlamaServer: filepath.Join(t.TempDir(), "none")}
	d, err := l.Details(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if d.Engine != "none" || !strings.HasPrefix(d.EngineWhy, "cannot find the llama-server ") || !strings.Contains(d.EngineWhy, ". Correct llama_server in ") {
		t.Errorf("the engine is %q, because %q", d.Engine, d.EngineWhy)
	}
}

// A file that is not an adapter is refused in words, and before a model is loaded.
func TestSpecChecksAdapters(t *testing.T) {
	l, dir := newLibrary(t), t.TempDir()
	base, junk := filepath.Join(dir, "tiny.gguf"), filepath.Join(dir, "junk.gguf")
	if err := tinymodel.Write(base, tinymodel.Mistral()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(junk, []byte("\x01\x02 not a model"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.gguf"): "no such file",
		junk:                            "is not a GGUF",
		base:                            "it is not a LoRA adapter",
	} {
		_, err := l.Spec(models.Model{Name: "tiny", Path: base}, engine.LoadOptions{Adapters: []engine.Adapter{{Path: path, Scale: 1}}})
		if fault.KindOf(err) != fault.BadModel || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
