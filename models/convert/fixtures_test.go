package convert

import (
	"bytes"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bise-sh/bise/gguf"
)

const fixtures = "../../../shared/fixtures"

// layouts are the folders of each tiny model that transformers made.
func layouts(t *testing.T) map[string][]string {
	t.Helper()
	dirs, _ := filepath.Glob(filepath.Join(fixtures, "models", "*", "*"))
	found := map[string][]string{}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && info.IsDir() && filepath.Base(dir) != "adapter" {
			model := filepath.Base(filepath.Dir(dir))
			found[model] = append(found[model], dir)
		}
	}
	if len(found) == 0 {
		t.Skip("../shared/fixtures is absent")
	}
	return found
}

// converted converts a folder and gives the paths of the model and, "" where it
// does not see, of its projector.
func converted(t testing.TB, dir string, o Options) (Result, string, string) {
	t.Helper()
	if o.Output == "" {
		o.Output = filepath.Join(t.TempDir(), "model.gguf")
	}
	r, err := Convert(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Files) == 1 {
		return r, r.Files[0], ""
	}
	return r, r.Files[0], r.Files[1]
}

// tensorsOf reads the bytes of all tensors of a file.
func tensorsOf(t testing.TB, path string) (map[string][]byte, *gguf.File) {
	t.Helper()
	g, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string][]byte{}
	for _, tensor := range g.Tensors {
		b := make([]byte, tensor.Size())
		if _, err := io.ReadFull(io.NewSectionReader(f, tensor.Offset, tensor.Size()), b); err != nil {
			t.Fatal(err)
		}
		all[tensor.Name] = b
	}
	return all, g
}

// TestLayoutsAgree converts each layout of a model to each type: the files are the
// same, but for what only one of the configurations says.
func TestLayoutsAgree(t *testing.T) {
	for model, dirs := range layouts(t) {
		dirs = slices.DeleteFunc(dirs, func(d string) bool { return filepath.Base(d) == "hf-fp8" })
		if len(dirs) < 2 {
			continue
		}
		t.Run(model, func(t *testing.T) {
			for _, kind := range []Type{Stored, F32, F16, BF16, Q8_0} {
				a, b := sides(t, dirs[0], kind), sides(t, dirs[1], kind)
				for i := range a {
					x, err := os.ReadFile(a[i])
					if err != nil {
						t.Fatal(err)
					}
					y, err := os.ReadFile(b[i])
					if err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(x, y) {
						t.Errorf("%s as %q: the files of %s and %s differ", filepath.Base(a[i]), kind, dirs[0], dirs[1])
					}
				}
			}
		})
	}
}

func sides(t *testing.T, dir string, kind Type) []string {
	t.Helper()
	r, _, _ := converted(t, dir, Options{Type: kind, Name: "Tiny"})
	return r.Files
}

// TestAgainstLlamaCpp compares with the files that llama.cpp's own converter made
// of the same folders.
func TestAgainstLlamaCpp(t *testing.T) {
	for model, dirs := range layouts(t) {
		want := filepath.Join(fixtures, "gguf", model+".f32.gguf")
		if _, err := os.Stat(want); err != nil {
			continue
		}
		t.Run(model, func(t *testing.T) {
			_, text, projector := converted(t, dirs[0], Options{Type: F32})
			if filepath.Base(dirs[0]) == "hf-fp8" {
				_, text, projector = converted(t, dirs[1], Options{Type: F32})
			}
			equalTensors(t, text, want)
			if projector != "" {
				equalTensors(t, projector, filepath.Join(fixtures, "gguf", model+".mmproj.f32.gguf"))
			}
		})
	}
}

func equalTensors(t *testing.T, got, want string) {
	t.Helper()
	x, _ := tensorsOf(t, got)
	y, theirs := tensorsOf(t, want)
	if !slices.Equal(slices.Sorted(maps.Keys(x)), slices.Sorted(maps.Keys(y))) {
		t.Fatalf("the tensors are %v, want %v", slices.Sorted(maps.Keys(x)), slices.Sorted(maps.Keys(y)))
	}
	for name := range y {
		if bytes.Equal(x[name], y[name]) {
			continue
		}
		// exp rounds otherwise in the last bit there.
		worst := 0.0
		for i := 0; i+4 <= len(y[name]) && len(x[name]) == len(y[name]); i += 4 {
			a, b := float64(math.Float32frombits(le.Uint32(x[name][i:]))), float64(math.Float32frombits(le.Uint32(y[name][i:])))
			worst = max(worst, math.Abs(a-b)/math.Abs(b))
		}
		if filepath.Ext(name) != ".ssm_a" || worst > 1.2e-7 {
			t.Errorf("%s differs by a factor of up to %g", name, worst)
		}
	}
	// Of what both say, both say the same.
	_, ours := tensorsOf(t, got)
	for key, v := range theirs.Metadata.All() {
		if mine, ok := ours.Metadata.Value(key); ok && !agrees(mine, v) && !differs[key] {
			t.Errorf("%s is of type %v and not what llama.cpp's converter writes", key, mine.Kind())
		}
	}
}

// differs are the keys that llama.cpp's converter does not have right, or that
// were given to it by hand: Mamba's tokenizer gets the ids of config.json, which
// are wrong, and loses its user-defined pieces; Tekken's scores are zeros; and the
// length of Pixtral's context was made up.
var differs = map[string]bool{
	"general.name": true, "tokenizer.ggml.bos_token_id": true, "tokenizer.ggml.padding_token_id": true,
	"tokenizer.ggml.token_type": true, "tokenizer.ggml.scores": true, "llama.context_length": true,
}

func agrees(a, b gguf.Value) bool {
	m := gguf.Metadata{}
	m.Set("a", a)
	m.Set("b", b)
	x, okX := m.Floats("a")
	y, okY := m.Floats("b")
	if okX && okY {
		return slices.Equal(x, y)
	}
	s, _ := m.Strings("a")
	u, _ := m.Strings("b")
	one, _ := m.String("a")
	two, _ := m.String("b")
	return slices.Equal(s, u) && one == two
}
