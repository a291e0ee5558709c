package models

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

func adapter(t *testing.T, architecture string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "my.lora.gguf")
	if err := tinymodel.Write(path, tinymodel.Options{Layers: 1, Edit: func(m *gguf.Metadata) {
		m.Set("general.type", gguf.Of("adapter"))
		m.Set("general.architecture", gguf.Of(architecture))
	}}); err != nil {
		t.Fatal(err)
	}
	return path
}

// A model with an adapter shares the weights of a model of the store, and stays when that one
// is removed.
func TestImportAdapter(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "models")}
	base, err := s.Import(t.Context(), Import{Path: tiny(t), Way: Copy, Name: "base"})
	if err != nil {
		t.Fatal(err)
	}
	lora := adapter(t, "llama")
	m, err := s.Import(t.Context(), Import{Path: base.Path, Adapters: []string{lora}, Name: "tuned", Made: []Step{{Step: "tune"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Adapters) != 1 || !strings.HasPrefix(m.Adapters[0], s.Dir) || m.Adapters[0] == lora || m.Manifest.Made[0].Step != "tune" {
		t.Errorf("installed %+v", m)
	}
	a, err := os.Stat(base.Path)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.Stat(m.Path); err != nil || !os.SameFile(a, b) {
		t.Errorf("the weights are not shared: %v", err)
	}
	if _, err := s.Remove(base); err != nil {
		t.Fatal(err)
	}
	m, ok := s.Installed("tuned", "f32")
	if !ok || m.Problem != nil {
		t.Errorf("without its base: %v, %v", ok, m.Problem)
	}
	if damage, err := s.Verify(t.Context(), m, nil); err != nil || len(damage) > 0 {
		t.Errorf("%v, %v", damage, err)
	}
}

func TestImportRefusesAdapters(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "models")}
	for what, path := range map[string]string{
		"it is not a LoRA adapter": tiny(t), `for the architecture "gemma"`: adapter(t, "gemma"), "no such file": filepath.Join(t.TempDir(), "none.gguf"),
	} {
		_, err := s.Import(t.Context(), Import{Path: tiny(t), Adapters: []string{path}})
		if fault.KindOf(err) != fault.BadModel || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
}
