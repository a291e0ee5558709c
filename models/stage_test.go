package models

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func fileOf(name, text string, role Role) File {
	sum := sha256.Sum256([]byte(text))
	return File{Name: name, Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:]), Role: role}
}

// install puts a model of one file with some text into the store.
func install(t *testing.T, s Store, name, tag, text string) Model {
	t.Helper()
	st, err := s.Stage(name, tag)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(st.Dir, "model.gguf"), text)
	if err := st.Commit(Manifest{Files: []File{fileOf("model.gguf", text, Weights)}}); err != nil {
		t.Fatal(err)
	}
	m, ok := s.Installed(name, tag)
	if !ok || m.Problem != nil {
		t.Fatalf("installed: %v, %+v", ok, m)
	}
	return m
}

// below lists what is in the store's folder, folders' names ending in a slash,
// except for what is always there and the marks of models that are.
func below(t *testing.T, s Store) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(s.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == s.Dir {
			return err
		}
		name, err := filepath.Rel(s.Dir, path)
		if strings.HasPrefix(name, string(used)) || strings.HasPrefix(name, string(verified)) {
			if of, err := os.ReadFile(path); err == nil && exists(strings.TrimSpace(string(of))) {
				return nil
			}
		}
		if d.IsDir() {
			name += "/"
		}
		if !slices.Contains([]string{".lock", ".incoming/", ".trash/", ".used/", ".verified/"}, filepath.ToSlash(name)) {
			list = append(list, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// collect removes all waste.
func collect(t *testing.T, s Store) {
	t.Helper()
	waste, err := s.Leftovers(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range waste {
		if err := w.Remove(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCommit(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "models")}
	st, err := s.Stage("pixtral", "q4_k_m")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"pixtral.gguf": "weights", "eye.gguf": "eye", "lora.gguf": "lora", "LICENSE": "terms", "x.part": "rest", "source/a": "b"} {
		write(t, filepath.Join(st.Dir, name), text)
	}
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Fatalf("before the commit there is %v, %v", list, err)
	}
	licence := Agreement{ID: "Apache-2.0", Accepted: time.Now().UTC().Truncate(time.Second)}
	err = st.Commit(Manifest{Title: "Pixtral", Licence: licence, Files: []File{
		fileOf("pixtral.gguf", "weights", Weights), fileOf("eye.gguf", "eye", Projector), fileOf("lora.gguf", "lora", Adapter), fileOf("LICENSE", "terms", Terms),
	}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Find("pixtral")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.Dir, "pixtral", "q4_k_m")
	if m.Name != "pixtral" || m.Tag != "q4_k_m" || m.Origin != Installed || m.Size != 14 || m.Path != filepath.Join(dir, "pixtral.gguf") ||
		m.Projector != filepath.Join(dir, "eye.gguf") || !slices.Equal(m.Adapters, []string{filepath.Join(dir, "lora.gguf")}) {
		t.Errorf("found %+v", m)
	}
	if m.Manifest.Title != "Pixtral" || m.Manifest.Licence != licence || m.Manifest.Created.IsZero() || !m.Modified.Equal(m.Manifest.Created) {
		t.Errorf("its manifest is %+v", m.Manifest)
	}
	want := []string{"pixtral/", "pixtral/q4_k_m/", "pixtral/q4_k_m/LICENSE", "pixtral/q4_k_m/eye.gguf", "pixtral/q4_k_m/lora.gguf", "pixtral/q4_k_m/manifest.json", "pixtral/q4_k_m/pixtral.gguf"}
	if got := below(t, s); !slices.Equal(got, want) {
		t.Errorf("the store has %q", got)
	}
}

func TestCommitReplaces(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	install(t, s, "a", "x", "old")
	m := install(t, s, "a", "x", "newer")
	if data, err := os.ReadFile(m.Path); err != nil || string(data) != "newer" {
		t.Errorf("the file has %q, %v", data, err)
	}
	if got := below(t, s); !slices.Equal(got, []string{"a/", "a/x/", "a/x/manifest.json", "a/x/model.gguf"}) {
		t.Errorf("the store has %q", got)
	}
}

func TestCommitRefuses(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	for what, files := range map[string][]File{
		"is missing":         {fileOf("none.gguf", "", Weights)},
		"has 4 bytes":        {fileOf("a.gguf", "longer", Weights)},
		"not a regular file": {fileOf("folder", "", Weights)},
		"no weights":         {fileOf("a.gguf", "text", Terms)},
		"with the name":      {fileOf("../a.gguf", "text", Weights)},
	} {
		st, err := s.Stage("a", "x")
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(st.Dir, "a.gguf"), "text")
		write(t, filepath.Join(st.Dir, "folder", "b"), "text")
		if err := st.Commit(Manifest{Files: files}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
		if !exists(filepath.Join(st.Dir, "a.gguf")) {
			t.Errorf("%s: the stage is gone", what)
		}
		if !exists(filepath.Join(st.Dir, "folder", "b")) || exists(filepath.Join(st.Dir, manifestName)) {
			t.Errorf("%s: the stage is not as it was", what)
		}
		if err := st.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	if got := below(t, s); len(got) > 0 {
		t.Errorf("the store has %q", got)
	}
	for _, name := range []string{"", "..", "A", "a/b", "con"} {
		if _, err := s.Stage(name, "x"); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a stage for %q: %v", name, err)
		}
	}
}

func TestStageHasOneHolder(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	st, err := s.Stage("a", "x")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(st.Dir, "part"), "half")
	if _, err := s.Stage("a", "x"); !errors.Is(err, ErrBusy) || fault.KindOf(err) != fault.Busy {
		t.Errorf("a second holder: %v", err)
	}
	other, err := s.Stage("a", "y")
	if err != nil {
		t.Errorf("another model: %v", err)
	}
	if err := errors.Join(st.Release(), other.Discard()); err != nil {
		t.Fatal(err)
	}
	again, err := s.Stage("a", "x")
	if err != nil || again.Dir != s.Staging("a", "x") {
		t.Fatalf("again: %v", err)
	}
	if data, _ := os.ReadFile(filepath.Join(again.Dir, "part")); string(data) != "half" {
		t.Errorf("what was there is %q", data)
	}
	if err := again.Discard(); err != nil {
		t.Fatal(err)
	}
	if got := below(t, s); len(got) > 0 {
		t.Errorf("the store has %q", got)
	}
}

func TestNewerManifestIsLeftAlone(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	install(t, s, "b", "x", "fine")
	path := filepath.Join(s.Dir, "a", "x", manifestName)
	write(t, path, `{"version":9,"files":"of another kind"}`)
	list, err := s.List()
	if err != nil || len(list) != 2 || !errors.Is(list[0].Problem, ErrNewer) || list[1].Problem != nil {
		t.Fatalf("listed %+v, %v", list, err)
	}
	if _, err := s.Find("a"); !errors.Is(err, ErrNewer) || fault.KindOf(err) != fault.BadModel {
		t.Errorf("found: %v", err)
	}
	if _, err := s.Stage("a", "x"); !errors.Is(err, ErrNewer) {
		t.Errorf("staged: %v", err)
	}
	waste, err := s.Leftovers(0)
	if err != nil || len(waste) > 0 || !exists(path) {
		t.Errorf("waste is %v, %v", waste, err)
	}
}

func TestProblems(t *testing.T) {
	for want, spoil := range map[string]func(t *testing.T, m Model){
		"is missing":  func(t *testing.T, m Model) { remove(m.Path) },
		"has 3 bytes": func(t *testing.T, m Model) { write(t, m.Path, "abc") },
		"read the manifest: unexpected": func(t *testing.T, m Model) {
			write(t, filepath.Join(filepath.Dir(m.Path), manifestName), `{"version":1`)
		},
		"is of b:x": func(t *testing.T, m Model) {
			man := *m.Manifest
			man.Name = "b"
			data, err := man.encode()
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(filepath.Dir(m.Path), manifestName), string(data))
		},
	} {
		s := Store{Dir: t.TempDir()}
		m := install(t, s, "a", "x", "weights")
		spoil(t, m)
		_, err := s.Find("a")
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.BadModel || !strings.Contains(e.Msg, want) || e.Advice == "" {
			t.Errorf("%s: %v", want, err)
		}
		m, err = s.Lookup("a:x")
		if err != nil || m.Problem == nil {
			t.Errorf("%s: looked up %+v, %v", want, m, err)
		}
		r, err := s.Remove(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Purge(); err != nil {
			t.Fatal(err)
		}
		collect(t, s)
		if got := below(t, s); len(got) > 0 {
			t.Errorf("%s: the store has %q", want, got)
		}
	}
}

// A model that is installed again keeps its place among the others.
func TestInstalledAgain(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, created := range []time.Time{old, {}} {
		st, err := s.Stage("codestral", "q8_0")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat("x", i+1)
		write(t, filepath.Join(st.Dir, "m.gguf"), text)
		if err := st.Commit(Manifest{Files: []File{fileOf("m.gguf", text, Weights)}, Created: created}); err != nil {
			t.Fatal(err)
		}
	}
	if m, ok := s.Installed("codestral", "q8_0"); !ok || m.Size != 2 || !m.Modified.Equal(old) {
		t.Errorf("installed %+v", m)
	}
}

func TestVariants(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, tag := range []string{"q8_0", "q4_k_m"} {
		st, err := s.Stage("codestral", tag)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(st.Dir, "m.gguf"), tag)
		if err := st.Commit(Manifest{Files: []File{fileOf("m.gguf", tag, Weights)}, Created: old.Add(time.Duration(i) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := s.Find("cod"); err != nil || m.Tag != "q8_0" {
		t.Errorf("the beginning is %s:%s, %v", m.Name, m.Tag, err)
	}
	write(t, filepath.Join(s.Dir, "Codestral.gguf"), "dropped")
	list, err := s.List()
	if got := modelNames(list); err != nil || !slices.Equal(got, []string{"codestral", "Codestral.gguf", "codestral:q4_k_m"}) {
		t.Errorf("listed %q, %v", got, err)
	}
	for ref, want := range map[string]string{
		"codestral": "q8_0", "codestral:q8_0": "q8_0", "codestral:q8": "q8_0", "CODESTRAL:Q4_K_M": "q4_k_m", "codestral:q4": "q4_k_m",
	} {
		m, err := s.Find(ref)
		if err != nil || m.Tag != want {
			t.Errorf("Find(%q) = %s:%s, %v", ref, m.Name, m.Tag, err)
		}
	}
	if m, err := s.Find("codestral.gguf"); err != nil || m.Origin != Loose {
		t.Errorf("the file is %+v, %v", m, err)
	}
	if m, _ := s.Installed("codestral", "q4"); m.Manifest != nil {
		t.Errorf("installed is %+v", m)
	}
}
