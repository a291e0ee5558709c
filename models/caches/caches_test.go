package caches

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, at); err != nil {
		t.Skip("there are no links: ", err)
	}
}

// found lists the refs of the models in a cache, sorted.
func found(t *testing.T, c Cache) (refs []string, byRef map[string]Model) {
	t.Helper()
	list, err := c.Models()
	if err != nil {
		t.Fatal(err)
	}
	byRef = map[string]Model{}
	for _, m := range list {
		if m.Program != c.Program {
			t.Errorf("%s is of %q", m.Ref, m.Program)
		}
		refs = append(refs, m.Ref)
		byRef[m.Ref] = m
	}
	slices.Sort(refs)
	return refs, byRef
}

func TestHuggingFace(t *testing.T) {
	dir := t.TempDir()
	repo := filepath.Join(dir, "models--acme--tiny-GGUF")
	sum := strings.Repeat("ab", 32)
	write(t, filepath.Join(repo, "blobs", sum), "weights")
	write(t, filepath.Join(repo, "blobs", "0123456789012345678901234567890123456789"), "small")
	write(t, filepath.Join(repo, "blobs", sum+".incomplete"), "part")
	write(t, filepath.Join(repo, "refs", "main"), "ccc")
	snapshots := filepath.Join(repo, "snapshots")
	link(t, "../../blobs/"+sum, filepath.Join(snapshots, "ccc", "tiny-Q8_0.gguf"))
	link(t, "../../../blobs/0123456789012345678901234567890123456789", filepath.Join(snapshots, "ccc", "sub", "other.gguf"))
	link(t, "../../blobs/gone", filepath.Join(snapshots, "ccc", "broken.gguf"))
	link(t, "../../blobs/"+sum, filepath.Join(snapshots, "ccc", "mmproj-tiny.gguf"))
	link(t, "../../blobs/"+sum, filepath.Join(snapshots, "ccc", "split-00001-of-00002.gguf"))
	write(t, filepath.Join(snapshots, "ccc", "config.json"), "{}")
	write(t, filepath.Join(snapshots, "aaa", "tiny-Q8_0.gguf"), "an older one")
	write(t, filepath.Join(snapshots, "aaa", "older.gguf"), "only here")
	write(t, filepath.Join(dir, "datasets--acme--data", "snapshots", "x", "no.gguf"), "")
	write(t, filepath.Join(dir, "models--gpt2", "snapshots", "x", "no.gguf"), "")
	write(t, filepath.Join(dir, "CACHEDIR.TAG"), "")
	refs, models := found(t, Cache{HuggingFace, dir})
	want := []string{"hf:acme/tiny-GGUF:older.gguf", "hf:acme/tiny-GGUF:sub/other.gguf", "hf:acme/tiny-GGUF:tiny-Q8_0.gguf"}
	if !slices.Equal(refs, want) {
		t.Fatalf("found %q", refs)
	}
	m := models["hf:acme/tiny-GGUF:tiny-Q8_0.gguf"]
	file := File{Path: filepath.Join(snapshots, "ccc", "tiny-Q8_0.gguf"), Size: 7, Role: Weights, SHA256: sum}
	if m.Name != "tiny-Q8_0" || len(m.Files) != 1 || m.Files[0] != file {
		t.Errorf("found %+v", m)
	}
	if m := models["hf:acme/tiny-GGUF:sub/other.gguf"]; m.Files[0].SHA256 != "" {
		t.Errorf("a git hash is taken for %s", m.Files[0].SHA256)
	}
}

func TestLMStudio(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "acme", "tiny-GGUF")
	write(t, filepath.Join(at, "tiny.gguf"), "weights")
	write(t, filepath.Join(at, "mmproj-tiny.gguf"), "eye")
	write(t, filepath.Join(at, "big-00001-of-00003.gguf"), "1")
	write(t, filepath.Join(at, "big-00002-of-00003.gguf"), "2")
	write(t, filepath.Join(at, "whole-00001-of-00002.gguf"), "1")
	write(t, filepath.Join(at, "whole-00002-of-00002.gguf"), "22")
	write(t, filepath.Join(dir, "a", "b", "c", "d", "deep.gguf"), "too deep")
	link(t, dir, filepath.Join(dir, "loop"))
	refs, models := found(t, Cache{LMStudio, dir})
	refs = slices.DeleteFunc(refs, func(r string) bool { return strings.Contains(r, "loop") })
	if !slices.Equal(refs, []string{"lmstudio:acme/tiny-GGUF/tiny.gguf", "lmstudio:acme/tiny-GGUF/whole-00001-of-00002.gguf"}) {
		t.Errorf("found %q", refs)
	}
	if m := models["lmstudio:acme/tiny-GGUF/whole-00001-of-00002.gguf"]; m.Name != "whole" || len(m.Files) != 2 {
		t.Errorf("the split one is %+v", m)
	}
}

// digest stands for the hash of a layer of a model.
func digest(name string, layer int) string {
	sum := sha256.Sum256(fmt.Append(nil, name, layer))
	return hex.EncodeToString(sum[:])
}

// ollama adds a model to a folder of Ollama's.
func ollama(t *testing.T, dir, name string, layers ...[2]string) {
	t.Helper()
	type layer struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	var list []layer
	for i, l := range layers {
		sum := digest(name, i)
		write(t, filepath.Join(dir, "blobs", "sha256-"+sum), l[1])
		list = append(list, layer{ollamaLayer + l[0], "sha256:" + sum, len(l[1])})
	}
	data, err := json.Marshal(map[string]any{"schemaVersion": 2, "layers": list})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "manifests", filepath.FromSlash(name)), string(data))
}

func TestOllama(t *testing.T) {
	dir := t.TempDir()
	ollama(t, dir, "registry.ollama.ai/library/pixtral/12b",
		[2]string{"license", "terms"}, [2]string{"projector;v=1", "eye"}, [2]string{"model", "weights"}, [2]string{"adapter", "lora"}, [2]string{"template", "x"})
	ollama(t, dir, "registry.ollama.ai/library/mistral/latest", [2]string{"model", "weights"})
	ollama(t, dir, "registry.ollama.ai/acme/tiny/v1", [2]string{"model", "weights"})
	ollama(t, dir, "hub.example.org:5000/acme/tiny/latest", [2]string{"model", "weights"})
	ollama(t, dir, "registry.ollama.ai/library/two/latest", [2]string{"model", "weights"}, [2]string{"model", "draft"})
	ollama(t, dir, "registry.ollama.ai/library/none/latest", [2]string{"tensor", "weights"})
	ollama(t, dir, "registry.ollama.ai/library/bad name/latest", [2]string{"model", "weights"})
	ollama(t, dir, "registry.ollama.ai/library/short/latest", [2]string{"model", "weights!"})
	write(t, filepath.Join(dir, "blobs", "sha256-"+digest("registry.ollama.ai/library/short/latest", 0)), "weigh")
	write(t, filepath.Join(dir, "manifests", "registry.ollama.ai", "library", "broken", "latest"), "{")
	refs, models := found(t, Cache{Ollama, dir})
	if !slices.Equal(refs, []string{"ollama:acme/tiny:v1", "ollama:hub.example.org:5000/acme/tiny", "ollama:mistral", "ollama:pixtral:12b"}) {
		t.Fatalf("found %q", refs)
	}
	m := models["ollama:pixtral:12b"]
	var roles []Role
	for _, f := range m.Files {
		roles = append(roles, f.Role)
		if data, err := os.ReadFile(f.Path); err != nil || int64(len(data)) != f.Size || len(f.SHA256) != 64 {
			t.Errorf("%+v: %q, %v", f, data, err)
		}
	}
	if m.Name != "pixtral:12b" || !slices.Equal(roles, []Role{Weights, Terms, Projector, Adapter}) || m.Modified.IsZero() {
		t.Errorf("found %+v", m)
	}
}

func TestNothingIsWritten(t *testing.T) {
	dir := t.TempDir()
	ollama(t, dir, "registry.ollama.ai/library/mistral/latest", [2]string{"model", "weights"})
	then := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var before []string
	look := func() (list []string) {
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, _ error) error {
			info, err := d.Info()
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
			return nil
		})
		return list
	}
	_ = os.Chtimes(dir, then, then)
	before = look()
	for _, p := range []Program{HuggingFace, Ollama, LMStudio} {
		if _, err := (Cache{p, dir}).Models(); err != nil {
			t.Error(err)
		}
	}
	if after := look(); !slices.Equal(before, after) {
		t.Errorf("it was\n%q\nand is\n%q", before, after)
	}
}

func TestUnreadable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	if list, err := (Cache{Ollama, filepath.Join(file, "none")}).Models(); err == nil || !strings.Contains(err.Error(), "look for models of Ollama") {
		t.Errorf("found %v, %v", list, err)
	}
}

func TestFind(t *testing.T) {
	home := t.TempDir()
	for _, dir := range []string{".cache/huggingface/hub", ".ollama/models", ".lmstudio/models", "elsewhere/hub", "blobs"} {
		if err := os.MkdirAll(filepath.Join(home, filepath.FromSlash(dir)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	at := func(dir string) string { return filepath.Join(home, filepath.FromSlash(dir)) }
	for _, tt := range []struct {
		env  map[string]string
		want []Cache
	}{
		{nil, []Cache{{HuggingFace, at(".cache/huggingface/hub")}, {Ollama, at(".ollama/models")}, {LMStudio, at(".lmstudio/models")}}},
		{
			map[string]string{"HF_HOME": at("elsewhere"), "OLLAMA_MODELS": at("blobs")},
			[]Cache{{HuggingFace, at("elsewhere/hub")}, {Ollama, at("blobs")}, {LMStudio, at(".lmstudio/models")}},
		},
		{
			map[string]string{"HF_HUB_CACHE": at("blobs"), "HF_HOME": at("elsewhere"), "OLLAMA_MODELS": at("none")},
			[]Cache{{HuggingFace, at("blobs")}, {LMStudio, at(".lmstudio/models")}},
		},
	} {
		got := detect(func(name string) string { return tt.env[name] }, home)
		got = slices.DeleteFunc(got, func(c Cache) bool { return !strings.HasPrefix(c.Dir, home) }) // this machine's own
		if !slices.Equal(got, tt.want) {
			t.Errorf("with %v: %v", tt.env, got)
		}
	}
	if got := detect(func(string) string { return "" }, ""); slices.ContainsFunc(got, func(c Cache) bool { return !filepath.IsAbs(c.Dir) }) {
		t.Errorf("without a home: %v", got)
	}
}

func TestScanEnds(t *testing.T) {
	dir := t.TempDir()
	for i := range 10 {
		write(t, filepath.Join(dir, fmt.Sprintf("%d.gguf", i)), "x")
	}
	s := &scan{left: 4}
	if list := s.studio(dir); len(list) != 4 || s.left != 0 {
		t.Errorf("found %d, %d left", len(list), s.left)
	}
}

func FuzzLayers(f *testing.F) {
	f.Add([]byte(`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:` + strings.Repeat("0", 64) + `","size":3}]}`))
	f.Add([]byte(`{"layers":[{"mediaType":"application/vnd.ollama.image.model;x=y","digest":"sha256:../..","size":-1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := layers(data)
		if err != nil {
			return
		}
		for i, file := range files {
			if (i == 0) != (file.Role == Weights) || file.Size < 0 || !sha256Name.MatchString(file.SHA256) || file.Path != "" {
				t.Fatalf("file %d is %+v", i, file)
			}
		}
	})
}

func FuzzStem(f *testing.F) {
	f.Add("big-00001-of-00002.gguf")
	f.Add(".GGUF")
	f.Fuzz(func(t *testing.T, name string) {
		stem, number, parts, ok := Stem(name)
		if ok != strings.HasSuffix(strings.ToLower(name), extension) && ok || !ok && stem != name || number < 0 || parts < 0 || !strings.HasPrefix(name, stem) {
			t.Fatalf("Stem(%q) = %q, %d, %d, %v", name, stem, number, parts, ok)
		}
	})
}
