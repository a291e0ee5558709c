package models

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/caches"
)

// besides is a store with caches of Ollama, LM Studio and the Hugging Face Hub.
func besides(t *testing.T) Store {
	t.Helper()
	s := store(t, "mine.gguf")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	sum := func(text string) string { return fileOf("", text, Weights).SHA256 }
	write(t, at("ollama/blobs/sha256-"+sum("weights")), "weights")
	write(t, at("ollama/blobs/sha256-"+sum("eye")), "eye")
	write(t, at("ollama/manifests/registry.ollama.ai/library/pixtral/12b"), fmt.Sprintf(
		`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:%s","size":7},{"mediaType":"application/vnd.ollama.image.projector","digest":"sha256:%s","size":3}]}`,
		sum("weights"), sum("eye")))
	write(t, at("studio/acme/tiny-GGUF/tiny-Q8_0.gguf"), "studio")
	write(t, at("studio/acme/mine-GGUF/mine.gguf"), "another")
	write(t, at("hub/models--acme--tiny-GGUF/snapshots/c/tiny-Q4_K_M.gguf"), "hub")
	write(t, at("hub/models--acme--tiny-GGUF/snapshots/c/tiny-Q6_K.gguf"), "hub")
	s.Caches = []caches.Cache{{Program: caches.Ollama, Dir: at("ollama")}, {Program: caches.LMStudio, Dir: at("studio")}, {Program: caches.HuggingFace, Dir: at("hub")}, {Program: caches.HuggingFace, Dir: at("none")}}
	return s
}

func TestFindCached(t *testing.T) {
	s := besides(t)
	list, err := s.List()
	want := []string{"mine", "lmstudio:acme/mine-GGUF/mine.gguf", "pixtral:12b", "tiny-Q4_K_M", "tiny-Q6_K", "tiny-Q8_0"}
	if got := modelNames(list); err != nil || !slices.Equal(got, want) {
		t.Fatalf("listed %q, %v", got, err)
	}
	for ref, want := range map[string]string{
		"mine":                              "mine.gguf",
		"lmstudio:acme/mine-GGUF/mine.gguf": "mine-GGUF/mine.gguf",
		"pixtral:12b":                       "blobs/sha256-",
		"pixtral":                           "blobs/sha256-",
		"ollama:pixtral:12b":                "blobs/sha256-",
		"ollama:library/pixtral:12b":        "blobs/sha256-",
		"tiny-q8":                           "tiny-Q8_0.gguf",
		"hf:acme/tiny-GGUF:Q4_K_M":          "tiny-Q4_K_M.gguf",
		"hf:acme/tiny-gguf:tiny-q6_k.gguf":  "tiny-Q6_K.gguf",
		"https://hf.co/acme/tiny-GGUF/blob/main/tiny-Q6_K.gguf": "tiny-Q6_K.gguf",
	} {
		m, err := s.Find(ref)
		if err != nil || !strings.Contains(filepath.ToSlash(m.Path), want) {
			t.Errorf("Find(%q) = %s, %v", ref, m.Path, err)
		}
	}
	for ref, want := range map[string]string{
		"hf:acme/tiny-GGUF":      "matches 2 models",
		"hf:acme/tiny-GGUF:Q2_K": "is not on this machine",
		"ollama:pixtral":         "is not on this machine",
		"https://example.org/x":  "is not on this machine",
		"tiny-q":                 "matches 3 models",
	} {
		if _, err := s.Find(ref); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%q): %v", ref, err)
		}
	}
	if _, err := s.Find("hf:acme"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("half a reference: %v", err)
	}
}

func TestCachedIsTheirs(t *testing.T) {
	s := besides(t)
	m := lookup(t, s, "pixtral:12b")
	if m.Origin != Cached || m.Program != "Ollama" || m.Projector == "" || m.Size != 10 || !m.HasChecksums() || !m.Verified.IsZero() {
		t.Errorf("found %+v", m)
	}
	if damage, err := s.Verify(t.Context(), m, nil); err != nil || len(damage) != 0 {
		t.Errorf("verified: %v, %v", damage, err)
	}
	for _, ref := range []string{"pixtral:12b", "tiny-Q8_0", "tiny-Q6_K"} {
		m := lookup(t, s, ref)
		_, err := s.Remove(m)
		if e, ok := err.(*fault.Error); !ok || e.Kind != fault.Invalid || e.Advice == "" || !exists(m.Path) {
			t.Errorf("removed %s: %v", ref, err)
		}
	}
	if errs := s.Unreadable(); len(errs) != 1 || !strings.Contains(errs[0].Error(), "Hugging Face") {
		t.Errorf("unreadable: %v", errs)
	}
}

func TestFetchedIsFoundByItsSource(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	st, err := s.Stage("tiny", "q4_k_m")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(st.Dir, "tiny-Q4_K_M.gguf"), "x")
	err = st.Commit(Manifest{Files: []File{fileOf("tiny-Q4_K_M.gguf", "x", Weights)}, Source: Source{Kind: HuggingFace, Ref: "tiny:q4_k_m", Repo: "acme/tiny-GGUF"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"hf:acme/tiny-GGUF", "hf:acme/tiny-GGUF:Q4_K_M", "hf.co/acme/tiny-GGUF:tiny-Q4_K_M.gguf"} {
		if m, err := s.Find(ref); err != nil || m.Name != "tiny" {
			t.Errorf("Find(%q) = %+v, %v", ref, m, err)
		}
	}
}
