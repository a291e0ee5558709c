package gguf_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/gguf"
)

// split writes a model of n parts, a tensor each, and returns their paths.
func split(t *testing.T, n int, edit func(part int, m *gguf.Metadata, tensor *gguf.Tensor)) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i := range n {
		var m gguf.Metadata
		if i == 0 {
			m.Set("general.architecture", gguf.Of("llama"))
		}
		m.Set("split.no", gguf.Of(uint16(i)))
		m.Set("split.count", gguf.Of(uint16(n)))
		m.Set("split.tensors.count", gguf.Of(int32(n)))
		tensor := gguf.Tensor{Name: fmt.Sprintf("t%d", i), Type: gguf.F32, Dims: []int64{8}}
		if edit != nil {
			edit(i, &m, &tensor)
		}
		var b bytes.Buffer
		w, err := gguf.NewWriter(&b, &m, []gguf.Tensor{tensor})
		if err != nil {
			t.Fatal(err)
		}
		data, err := w.Tensor(tensor.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := data.Write(bytes.Repeat([]byte{byte(i)}, 32)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("wind-%05d-of-%05d.gguf", i+1, n))
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func TestReadParts(t *testing.T) {
	paths := split(t, 3, nil)
	for _, p := range paths { // any of them stands for all
		f, err := gguf.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Parts) != 3 || len(f.Tensors) != 3 || f.Parts[0].Path != paths[0] {
			t.Fatalf("got %+v", f)
		}
		for i, tensor := range f.Tensors {
			whole, err := os.ReadFile(f.Parts[tensor.Part].Path)
			if err != nil {
				t.Fatal(err)
			}
			if got := whole[tensor.Offset]; got != byte(i) {
				t.Errorf("%s has the data of part %d", tensor.Name, got)
			}
		}
	}
}

func TestReadRefusesParts(t *testing.T) {
	refuses := func(t *testing.T, path, want string) {
		t.Helper()
		_, err := gguf.Read(path)
		var format *gguf.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a FormatError that says %q", err, want)
		}
	}
	t.Run("missing", func(t *testing.T) {
		paths := split(t, 6, nil)
		for _, i := range []int{0, 2, 3, 5} {
			os.Remove(paths[i])
		}
		refuses(t, paths[1], "of its 6 parts, 4 are missing: wind-00001-of-00006.gguf, wind-00003-of-00006.gguf, wind-00004-of-00006.gguf and 1 more")
	})
	t.Run("numbers", func(t *testing.T) {
		refuses(t, "wind-00004-of-00003.gguf", "part 4 of 3")
		refuses(t, "wind-00000-of-00003.gguf", "part 0 of 3")
	})
	t.Run("renamed to one file", func(t *testing.T) {
		paths := split(t, 2, nil)
		path := filepath.Join(t.TempDir(), "wind.gguf")
		if err := os.Rename(paths[0], path); err != nil {
			t.Fatal(err)
		}
		refuses(t, path, "part 1 of 2")
	})
	t.Run("swapped", func(t *testing.T) {
		refuses(t, split(t, 2, func(i int, m *gguf.Metadata, _ *gguf.Tensor) { m.Set("split.no", gguf.Of(uint16(1-i))) })[0], "part 2 of 2")
	})
	t.Run("no part at all", func(t *testing.T) {
		refuses(t, split(t, 2, func(i int, m *gguf.Metadata, _ *gguf.Tensor) {
			if i == 1 {
				m.Delete("split.count")
			}
		})[0], "does not say which")
	})
	t.Run("tensor twice", func(t *testing.T) {
		refuses(t, split(t, 2, func(_ int, _ *gguf.Metadata, tensor *gguf.Tensor) { tensor.Name = "t" })[0], `two tensors named "t"`)
	})
	t.Run("tensor count", func(t *testing.T) {
		refuses(t, split(t, 2, func(_ int, m *gguf.Metadata, _ *gguf.Tensor) { m.Set("split.tensors.count", gguf.Of(int32(5))) })[0], "2 tensors, its metadata says 5")
	})
	t.Run("truncated", func(t *testing.T) {
		paths := split(t, 2, nil)
		if err := os.Truncate(paths[1], 100); err != nil {
			t.Fatal(err)
		}
		refuses(t, paths[0], "wind-00002-of-00002.gguf: the file ends")
	})
}
