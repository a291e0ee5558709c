package gguf_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/gguf"
)

func fingerprint(t testing.TB, path string) string {
	t.Helper()
	f, err := gguf.Fingerprint(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(f) != 32 {
		t.Errorf("%q is not 32 digits", f)
	}
	return f
}

// writeModel writes a sparse model with a vocabulary of some tokens and a tensor of
// some rows of 4 MiB.
func writeModel(t testing.TB, path string, tokens int, rows int64) {
	t.Helper()
	words, kinds := make([]string, tokens), make([]int32, tokens)
	for i := range words {
		words[i] = fmt.Sprintf("token number %d of the vocabulary", i)
	}
	var m gguf.Metadata
	m.Set("tokenizer.ggml.tokens", gguf.List(words))
	m.Set("tokenizer.ggml.token_type", gguf.List(kinds))
	m.Set("tokenizer.chat_template", gguf.Of("{{ 'You are a helpful assistant' }}"))
	tensor := gguf.Tensor{Name: "weights", Type: gguf.F32, Dims: []int64{1 << 20, rows}}
	var head bytes.Buffer
	if _, err := gguf.NewWriter(&head, &m, []gguf.Tensor{tensor}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, head.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(head.Len()+gguf.DefaultAlignment)+tensor.Size()); err != nil {
		t.Fatal(err)
	}
	if _, err := gguf.Read(path); err != nil {
		t.Fatal(err)
	}
}

// edit writes bytes into a file without a trace in its times.
func edit(t *testing.T, path string, at int64, text string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(text), at); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

func TestFingerprint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	writeModel(t, path, 50_000, 4) // a header of 2.4 MB, 16 MiB of weights
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head = head[:file.Parts[0].Data]
	want := fingerprint(t, path)
	if again := fingerprint(t, path); again != want {
		t.Errorf("%s, then %s, of one file", want, again)
	}
	// The header, wherever the change is, even if the file has its old times.
	for _, text := range []string{"token number 7 ", "token number 25000 ", "token number 49999 ", "helpful", "weights"} {
		at := int64(bytes.Index(head, []byte(text)))
		edit(t, path, at, strings.ToUpper(text))
		if fingerprint(t, path) == want {
			t.Errorf("a change of %q at byte %d is not seen", text, at)
		}
		edit(t, path, at, text)
		if fingerprint(t, path) != want {
			t.Fatalf("%q at byte %d does not have its old fingerprint", text, at)
		}
	}
	// Weights: samples, the end, and between them by the times.
	size := file.Parts[0].Size
	for _, at := range []int64{(size-4096)/17*8 + 100, size - 1} {
		edit(t, path, at, "x")
		if fingerprint(t, path) == want {
			t.Errorf("a change at byte %d is not seen", at)
		}
		edit(t, path, at, "\x00")
	}
	between := (size-4096)/17*8 + 100_000
	edit(t, path, between, "x")
	later := time.Now().Add(time.Nanosecond)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if fingerprint(t, path) == want {
		t.Error("a change between samples is not seen")
	}
	// Another file at the same path, with the same size and time.
	want = fingerprint(t, path)
	writeModel(t, path+".new", 50_000, 4)
	edit(t, path+".new", between+1000, "x")
	if err := os.Chtimes(path+".new", later, later); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if fingerprint(t, path) == want {
		t.Error("another file with the same size and time is not seen")
	}
	want = fingerprint(t, path)
	if err := os.Truncate(path, size+1); err != nil {
		t.Fatal(err)
	}
	if fingerprint(t, path) == want {
		t.Error("another size is not seen")
	}
}

// TestFingerprintOfPlaces checks that a link and another name lead to the same model.
func TestFingerprintOfPlaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	writeModel(t, path, 10, 1)
	want := fingerprint(t, path)
	for name, link := range map[string]func(string, string) error{"symbolic": os.Symlink, "hard": os.Link} {
		other := filepath.Join(dir, name)
		if err := link(path, other); err != nil {
			t.Skip(err)
		}
		if got := fingerprint(t, other); got != want {
			t.Errorf("a %s link: %s, want %s", name, got, want)
		}
	}
	paths := split(t, 3, nil)
	if first, last := fingerprint(t, paths[0]), fingerprint(t, paths[2]); last != first {
		t.Errorf("parts of one model: %s and %s", first, last)
	}
}

// TestFingerprintOfOtherFiles checks files that are no models: loading reports what is
// wrong with them.
func TestFingerprintOfOtherFiles(t *testing.T) {
	dir := t.TempDir()
	for n := range 10 {
		path := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(path, make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
		fingerprint(t, path)
	}
	if _, err := gguf.Fingerprint(dir); err == nil {
		t.Error("a directory has a fingerprint")
	}
	if id := gguf.FileID(filepath.Join(dir, "missing")); id != "" {
		t.Errorf("a missing file has the ID %q", id)
	}
}

// BenchmarkFingerprint measures a model of 100 GB with a header of 20 MB.
func BenchmarkFingerprint(b *testing.B) {
	path := filepath.Join(b.TempDir(), "m.gguf")
	writeModel(b, path, 400_000, 24_000)
	for b.Loop() {
		fingerprint(b, path)
	}
}
