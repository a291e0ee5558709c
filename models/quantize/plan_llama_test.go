//go:build cgo

package quantize

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// TestPlanIsWhatLlamaDoes quantizes models to every type and compares what
// llama.cpp made of each tensor with what was planned.
func TestPlanIsWhatLlamaDoes(t *testing.T) {
	models := map[string]tinymodel.Options{
		"dense":   {Layers: 9, Width: 256, Heads: 4, KVHeads: 2, FFN: 256},
		"grouped": {Layers: 8, Width: 256, Heads: 8, KVHeads: 2, FFN: 256},
		"experts": {Layers: 2, Width: 256, Heads: 1, KVHeads: 1, HeadWidth: 32, FFN: 256, Experts: 8},
		"little":  {Layers: 8, Width: 256, Heads: 1, KVHeads: 1, HeadWidth: 32, FFN: 256},
		"narrow":  {Layers: 2, Width: 96, Heads: 4, KVHeads: 2, FFN: 256},
		"mamba":   {Architecture: "mamba2", Layers: 2, Width: 256},
		"tied":    {Layers: 2, Width: 256, FFN: 256},
	}
	for name, o := range models {
		t.Run(name, func(t *testing.T) {
			in := filepath.Join(t.TempDir(), "in.gguf")
			o.Zero = true
			if err := tinymodel.Write(in, o); err != nil {
				t.Fatal(err)
			}
			if name == "tied" {
				dropTensor(t, in, "output.weight")
			}
			file, err := gguf.Read(in)
			if err != nil {
				t.Fatal(err)
			}
			m := anyMatrix(file)
			for _, kind := range Types() {
				for _, matrix := range []*Matrix{nil, m} {
					if slices.Contains(slow, kind.Name) || strings.HasPrefix(kind.Name, "IQ") && (name != "little" || matrix == nil && !strings.HasPrefix(kind.Name, "IQ4")) {
						continue
					}
					comparePlan(t, in, file, Options{In: in, Type: kind}, matrix)
				}
			}
			comparePlan(t, in, file, Options{In: in, Type: typeNamed(t, "Q4_K_M"), Pure: true}, nil)
			q5, f16 := gguf.Q5_1, gguf.F16
			comparePlan(t, in, file, Options{In: in, Type: typeNamed(t, "q4_k"), Output: &q5, Embedding: &f16}, nil)
			if name != "mamba" {
				comparePlan(t, in, file, Options{In: in, Type: typeNamed(t, "Q4_K_M"), Tensors: []Override{overrideOf(t, `attn_[kv]=q8_0`), overrideOf(t, `blk\.1\.attn_v=bf16`)}}, nil)
			}
		})
	}
}

// slow are types for which llama.cpp first makes tables for many seconds; the
// rules they follow are also those of others.
var slow = []string{"IQ1_S", "IQ1_M", "IQ2_XS", "IQ2_M"}

// anyMatrix is a matrix that knows every tensor.
func anyMatrix(f *gguf.File) *Matrix {
	m := &Matrix{Entries: map[string]Entry{}}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, t := range f.Tensors {
		e := Entry{Sums: make([]float32, t.Dims[0]), Counts: []float32{10}}
		if len(t.Dims) > 2 {
			e.Sums, e.Counts = make([]float32, t.Dims[0]*t.Dims[2]), make([]float32, t.Dims[2])
			for i := range e.Counts {
				e.Counts[i] = 10
			}
		}
		for i := range e.Sums {
			e.Sums[i] = rng.Float32()
		}
		m.Entries[t.Name] = e
	}
	return m
}

// runLlama has llama.cpp quantize in this process.
func runLlama(o Options, m *Matrix) error {
	q := llama.Quantization{In: o.In, Out: o.Out, Type: o.Type.File, Copy: o.Type.Copy, Pure: o.Pure, Output: o.Output, Embedding: o.Embedding, Threads: 1}
	for _, t := range o.Tensors {
		q.Tensors = append(q.Tensors, llama.TensorType{Pattern: t.Pattern, Type: t.Type})
	}
	if m != nil {
		q.Matrix = map[string][]float32{}
		for name := range m.Entries {
			q.Matrix[name] = m.Values(name)
		}
	}
	_, err := llama.Quantize(q, nil)
	return err
}

func comparePlan(t *testing.T, in string, file *gguf.File, o Options, m *Matrix) {
	t.Helper()
	what := o.Type.Name
	if m != nil {
		what += " with a matrix"
	}
	o.Out = filepath.Join(t.TempDir(), "out.gguf")
	defer os.Remove(o.Out)
	p, planned := newPlan(file, &o, m)
	if planned != nil {
		// llama.cpp would abort on some of what is refused, so it is not asked.
		t.Logf("%s: %v", what, planned)
		return
	}
	if err := runLlama(o, m); err != nil {
		t.Errorf("%s: %v, and was planned", what, err)
		return
	}
	made, err := gguf.Read(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range p.tensors {
		got := made.Tensors[i]
		if got.Name != want.Name || got.Type != p.types[i] {
			t.Errorf("%s: tensor %d is %s of type %v; planned was %s of type %v", what, i, got.Name, got.Type, want.Name, p.types[i])
		}
	}
	if n := p.size(); n < made.Size() || n > made.Size()+made.Size()/10+2*headroom {
		t.Errorf("%s: the file has %d bytes; planned were %d", what, made.Size(), n)
	}
}

// dropTensor writes a model again without one of its tensors.
func dropTensor(t *testing.T, path, name string) {
	t.Helper()
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tensors []gguf.Tensor
	for _, x := range file.Tensors {
		if x.Name != name {
			tensors = append(tensors, x)
		}
	}
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := gguf.NewWriter(out, &file.Metadata, tensors)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range tensors {
		part, err := w.Tensor(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(data[x.Offset : x.Offset+x.Size()]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPartsByLlama writes a model of two parts to as many, and to one.
func TestPartsByLlama(t *testing.T) {
	dir := t.TempDir()
	whole := tiny(t, tinymodel.Mistral())
	split(t, whole, filepath.Join(dir, "in"))
	work := func(_ context.Context, j Job, begun func(int)) (Done, error) {
		done, err := llama.Quantize(llama.Quantization{In: j.In, Out: j.Out, Type: j.Type, Copy: j.Copy, KeepSplit: j.KeepSplit, Threads: 1}, nil)
		begun(done.Done)
		return Done{Fallbacks: done.Fallbacks}, err
	}
	in := filepath.Join(dir, "in-00001-of-00002.gguf")
	r, err := Run(t.Context(), Options{In: in, Out: filepath.Join(dir, "two.gguf"), Type: typeNamed(t, "Q8_0"), KeepSplit: true}, work, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Files) != 2 || filepath.Base(r.Files[1]) != "two-00002-of-00002.gguf" {
		t.Errorf("the files are %q", r.Files)
	}
	original, err := gguf.Read(whole)
	if err != nil {
		t.Fatal(err)
	}
	two, err := gguf.Read(r.Files[0])
	if err != nil || len(two.Tensors) != len(original.Tensors) || two.Summary().FileType != "Q8_0" {
		t.Errorf("%d tensors, %v", len(two.Tensors), err)
	}
	one := filepath.Join(dir, "one.gguf")
	if _, err := Run(t.Context(), Options{In: in, Out: one, Type: typeNamed(t, "COPY")}, work, nil); err != nil {
		t.Fatal(err)
	}
	made, err := gguf.Read(one)
	if err != nil || len(made.Tensors) != len(original.Tensors) || made.Summary().FileType != "F32" {
		t.Errorf("%d tensors, %v", len(made.Tensors), err)
	}
	if _, split := made.Metadata.Uint("split.count"); split {
		t.Error("the file still says that it is a part")
	}
}
