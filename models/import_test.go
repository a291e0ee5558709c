package models

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// tiny writes a model of the name tiny.Q8_0.gguf and gives its path.
func tiny(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Tiny.gguf")
	if err := tinymodel.Write(path, tinymodel.Options{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestImportAdapted imports a file of an architecture that is newer than the built-in engine.
// The store gets a file of its own, whatever the way.
func TestImportAdapted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "New-Q8_0.gguf")
	if err := tinymodel.Write(path, tinymodel.Options{Layers: 1, Edit: func(m *gguf.Metadata) {
		m.Set("general.architecture", gguf.Of("mistral4"))
		for key, n := range map[string]uint32{
			"block_count": 1, "rope.dimension_count": 16, "attention.head_count_kv": 1, "attention.key_length": 48, "attention.value_length": 32,
			"attention.kv_lora_rank": 32, "attention.key_length_mla": 32, "attention.value_length_mla": 32,
		} {
			m.Set("mistral4."+key, gguf.Of(n))
		}
	}}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []Way{InPlace, Link, Copy} {
		s := Store{Dir: filepath.Join(t.TempDir(), "models")}
		var last, total int64
		m, err := s.Import(t.Context(), Import{Path: path, Way: way, Progress: func(done, all int64) { last, total = done, all }})
		if err != nil {
			t.Fatal(err)
		}
		file, err := gguf.Read(m.Path)
		if err != nil || file.Summary().Architecture != "deepseek2" || !strings.HasPrefix(m.Path, s.Dir) || m.Origin != Installed {
			t.Errorf("%s %q: %v, %v", m.Origin, m.Path, file, err)
		}
		if damage, err := s.Verify(t.Context(), m, nil); err != nil || len(damage) > 0 || last > total || last < total/2 {
			t.Errorf("%v, %v, %d of %d", damage, err, last, total)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("the imported file changed: %v", err)
		}
	}
}

func TestImport(t *testing.T) {
	for _, way := range []Way{InPlace, Link, Copy} {
		t.Run("way "+string(way), func(t *testing.T) {
			s := Store{Dir: filepath.Join(t.TempDir(), "models")}
			path := tiny(t)
			eye := filepath.Join(filepath.Dir(path), "eye.gguf")
			write(t, eye, "eye")
			var last, total int64
			m, err := s.Import(t.Context(), Import{Path: path, Projector: eye, Way: way, Can: []string{"chat"}, Progress: func(done, all int64) { last, total = done, all }})
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(m.Path)
			if err != nil || string(got) != string(want) {
				t.Errorf("its file has %d bytes, %v", len(got), err)
			}
			if m.Name != "tiny" || m.Tag != "f32" || m.Manifest.Type != "F32" || m.Projector == "" || !m.HasChecksums() ||
				last != total || total != m.Size || !slices.Equal(m.Manifest.Can, []string{"chat"}) {
				t.Errorf("imported %+v", m)
			}
			if in := strings.HasPrefix(m.Path, s.Dir); in != (way != InPlace) || (m.Origin == Installed) != in {
				t.Errorf("%s lies at %s", m.Origin, m.Path)
			}
			if damage, err := s.Verify(t.Context(), m, nil); err != nil || len(damage) > 0 {
				t.Errorf("verified: %v, %v", damage, err)
			}
			if _, err := s.Import(t.Context(), Import{Path: path, Way: way}); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "is already installed") {
				t.Errorf("again: %v", err)
			}
			r := removed(t, s, "tiny")
			if frees := map[Way]int64{InPlace: 0, Link: 0, Copy: m.Size}[way]; r.Frees != frees {
				t.Errorf("removing it frees %d bytes, not %d", r.Frees, frees)
			}
			if err := r.Purge(); err != nil {
				t.Fatal(err)
			}
			if got := below(t, s); len(got) > 0 {
				t.Errorf("the store has %q", got)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(want) {
				t.Errorf("the imported file: %v", err)
			}
		})
	}
}

func TestImportFolder(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "models")}
	path := tiny(t)
	m, err := s.Import(t.Context(), Import{Path: filepath.Dir(path), Name: "Mine", Tag: "v2"})
	if err != nil || m.Name != "mine" || m.Tag != "v2" || m.Path != path {
		t.Errorf("imported %+v, %v", m, err)
	}
}

func TestImportRefuses(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "models")}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	write(t, at("text.gguf"), "no GGUF at all")
	write(t, at("original/model.safetensors"), "")
	write(t, at("empty/x"), "")
	write(t, at("two/a.gguf"), "")
	write(t, at("two/b.gguf"), "")
	for _, tt := range []struct {
		im   Import
		want string
	}{
		{Import{Path: at("none.gguf")}, "no such file"},
		{Import{Path: at("text.gguf")}, "not a GGUF"},
		{Import{Path: at("original")}, "safetensors"},
		{Import{Path: at("empty")}, "has no GGUF file"},
		{Import{Path: at("two")}, "it has 2 models"},
		{Import{Path: tiny(t), Name: "a/b"}, "invalid model name a/b"},
		{Import{Path: tiny(t), Projector: at("none.gguf")}, "none.gguf"},
	} {
		_, err := s.Import(t.Context(), tt.im)
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || !strings.Contains(e.Msg, tt.want) {
			t.Errorf("%s: %v", tt.want, err)
		}
	}
	loose := filepath.Join(s.Dir, "here.gguf")
	write(t, loose, "")
	if _, err := s.Import(t.Context(), Import{Path: loose}); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "it is in the store") {
		t.Errorf("what is here: %v", err)
	}
	remove(loose)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := s.Import(ctx, Import{Path: tiny(t), Way: Copy}); !errors.Is(err, why) {
		t.Errorf("cancelled: %v", err)
	}
	if got := below(t, s); len(got) > 0 {
		t.Errorf("the store has %q", got)
	}
}

// TestImportAfterLink has an import by link that was cut off: what it left must not
// be written to, for it is the imported file itself.
func TestImportAfterLink(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "models")}
	path := tiny(t)
	st, err := s.Stage("tiny", "f32")
	if err != nil {
		t.Fatal(err)
	}
	if err := link(path, filepath.Join(st.Dir, "Tiny.gguf")); err != nil {
		t.Skip("there are no links: ", err)
	}
	if err := st.Release(); err != nil {
		t.Fatal(err)
	}
	m, err := s.Import(t.Context(), Import{Path: path, Way: Copy})
	if err != nil {
		t.Fatal(err)
	}
	one, err := os.Stat(path)
	if err != nil || one.Size() != m.Size {
		t.Fatalf("the imported file is %v, %v", one, err)
	}
	if two, err := os.Stat(m.Path); err != nil || os.SameFile(one, two) {
		t.Errorf("the copy is the file itself, %v", err)
	}
}

func TestReuse(t *testing.T) {
	s := besides(t)
	install(t, s, "a", "x", "installed")
	st, err := s.Stage("b", "x")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Release()
	liar := fileOf("liar.gguf", "a lie", Weights)
	write(t, filepath.Join(s.Caches[0].Dir, "blobs", "sha256-"+liar.SHA256), "5 let")
	write(t, filepath.Join(s.Caches[0].Dir, "manifests", "registry.ollama.ai", "library", "liar", "latest"),
		fmt.Sprintf(`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:%s","size":5}]}`, liar.SHA256))
	for _, tt := range []struct {
		file File
		want bool
	}{
		{fileOf("one.gguf", "installed", Weights), true},
		{fileOf("two.gguf", "eye", Projector), true}, // Ollama has it
		{fileOf("three.gguf", "nobody has it", Weights), false},
		{File{Name: "four.gguf", Size: 9}, false},
		{fileOf("../five.gguf", "installed", Weights), false},
		{liar, false},
	} {
		got, err := st.Reuse(t.Context(), tt.file, nil)
		if err != nil || got != tt.want {
			t.Errorf("%s: %v, %v", tt.file.Name, got, err)
		}
		if exists(filepath.Join(st.Dir, tt.file.Name)) != tt.want {
			t.Errorf("%s is in the stage: %v", tt.file.Name, !tt.want)
		}
	}
	if err := st.Commit(Manifest{Files: []File{fileOf("one.gguf", "installed", Weights), fileOf("two.gguf", "eye", Projector)}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if st, err = s.Stage("c", "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Reuse(ctx, fileOf("one.gguf", "installed", Weights), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := st.Discard(); err != nil {
		t.Fatal(err)
	}
}

func TestVerify(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	m := install(t, s, "a", "x", "weights")
	if m.Verified.IsZero() {
		t.Error("its bytes were seen and it is not verified")
	}
	remove(s.mark(verified, m.Path))
	var last int64
	damage, err := s.Verify(t.Context(), m, func(done, _ int64) { last = done })
	if err != nil || len(damage) != 0 || last != m.Size {
		t.Fatalf("damage %v, %v; read %d", damage, err, last)
	}
	if m := lookup(t, s, "a"); m.Verified.IsZero() {
		t.Error("that it was verified is forgotten")
	}
	write(t, m.Path, "weighty")
	later := m.Modified.Add(1e12)
	if err := os.Chtimes(m.Path, later, later); err != nil {
		t.Fatal(err)
	}
	if m := lookup(t, s, "a"); !m.Verified.IsZero() {
		t.Error("it is verified although it has changed since")
	}
	for want, spoil := range map[string]func(){
		"it has changed":              func() {},
		"it has 3 bytes instead of 7": func() { write(t, m.Path, "abc") },
		"it is missing":               func() { remove(m.Path) },
	} {
		write(t, m.Path, "weighty")
		spoil()
		damage, err := s.Verify(t.Context(), m, nil)
		if err != nil || len(damage) != 1 || !strings.Contains(damage[0].What, want) || damage[0].Path != m.Path {
			t.Errorf("%s: %v, %v", want, damage, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	write(t, m.Path, "weights")
	if _, err := s.Verify(ctx, m, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestUsed(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	m := install(t, s, "a", "x", "weights")
	if !m.Used.IsZero() {
		t.Errorf("it is used at %v", m.Used)
	}
	for range 2 {
		if err := s.MarkUsed(m); err != nil {
			t.Fatal(err)
		}
	}
	// By whatever name it is opened.
	for _, ref := range []string{"a", m.Path} {
		if m := lookup(t, s, ref); m.Used.Before(m.Modified) {
			t.Errorf("%s is used at %v", ref, m.Used)
		}
	}
}
