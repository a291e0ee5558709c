package rehead_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models/rehead"
)

// A model is what a test writes: metadata, and tensors whose bytes follow from their names.
type model struct {
	meta    gguf.Metadata
	tensors []gguf.Tensor
}

// newer is a file as llama.cpp's converter makes it of the Hugging Face layout.
func newer() *model {
	m := &model{}
	m.meta.Set("general.architecture", gguf.Of("mistral4"))
	m.meta.Set("general.name", gguf.Of("Tiny"))
	for key, n := range map[string]uint32{
		"block_count": 2, "rope.dimension_count": 16, "attention.head_count_kv": 1, "attention.key_length": 48, "attention.value_length": 32, "attention.kv_lora_rank": 32,
		"attention.key_length_mla": 32, "attention.value_length_mla": 32, "rope.scaling.original_context_length": 8192, "expert_count": 3, "expert_used_count": 2,
	} {
		m.meta.Set("mistral4."+key, gguf.Of(n))
	}
	m.meta.Set("mistral4.rope.scaling.type", gguf.Of("yarn"))
	m.tensors = []gguf.Tensor{
		{Name: "token_embd.weight", Type: gguf.F16, Dims: []int64{32, 7}},
		{Name: "blk.0.ffn_gate_up_exps.weight", Type: gguf.Q8_0, Dims: []int64{32, 10, 3}},
		{Name: "blk.0.ffn_down_exps.weight", Type: gguf.Q8_0, Dims: []int64{32, 4, 3}},
		{Name: "blk.1.ffn_gate_up_exps.weight", Type: gguf.F32, Dims: []int64{5, 2, 3}},
		{Name: "output_norm.weight", Type: gguf.F32, Dims: []int64{32}},
	}
	return m
}

// data are the bytes of a tensor.
func data(t gguf.Tensor) []byte {
	b := make([]byte, t.Size())
	for i := range b {
		b[i] = byte(i*len(t.Name) + i>>8)
	}
	return b
}

func (m *model) write(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := gguf.NewWriter(f, &m.meta, m.tensors)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range m.tensors {
		to, err := w.Tensor(x.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(data(x)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// contents reads the bytes of all tensors.
func contents(t *testing.T, path string) (*gguf.File, map[string][]byte) {
	t.Helper()
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Check(); err != nil {
		t.Error(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string][]byte{}
	for _, x := range file.Tensors {
		b, err := io.ReadAll(io.NewSectionReader(f, x.Offset, x.Size()))
		if err != nil {
			t.Fatal(err)
		}
		all[x.Name] = b
	}
	return file, all
}

func TestWrite(t *testing.T) {
	m, dir := newer(), t.TempDir()
	for _, in := range []string{m.write(t, filepath.Join(dir, "one.gguf")), m.parts(t, dir)} {
		out := filepath.Join(dir, "out.gguf")
		var last int64
		if err := rehead.Write(t.Context(), in, out, func(done, total int64) { last = total - done }); err != nil {
			t.Fatal(err)
		}
		if last != 0 {
			t.Errorf("%s: progress ends %d bytes before the end", in, last)
		}
		file, got := contents(t, out)
		if file.Summary().Architecture != "deepseek2" || rehead.Needed(file.Summary().Architecture) {
			t.Errorf("the architecture is %s", file.Summary().Architecture)
		}
		for key := range file.Metadata.All() {
			if strings.HasPrefix(key, "mistral4.") || strings.HasPrefix(key, "split.") {
				t.Errorf("%s is left", key)
			}
		}
		if scale, _ := file.Metadata.Float("deepseek2.attention.temperature_scale"); float32(scale) != 0.1 {
			t.Errorf("the temperature is %g", scale)
		}
		for key, want := range map[string]uint64{
			"block_count": 2, "attention.temperature_length": 8192, "leading_dense_block_count": 0, "expert_shared_count": 1, "expert_gating_func": 1,
		} {
			if n, ok := file.Metadata.Uint("deepseek2." + key); !ok || n != want {
				t.Errorf("%s is %d, want %d", key, n, want)
			}
		}
		want := map[string][]byte{}
		for _, x := range m.tensors {
			block, merged := strings.CutSuffix(x.Name, "gate_up_exps.weight")
			if !merged {
				want[x.Name] = data(x)
				continue
			}
			// Of each expert, half of the rows are of the gate and half lead up.
			half := int(x.Size() / x.Dims[2] / 2)
			for i := range slices.Collect(slices.Chunk(data(x), half)) {
				name := block + []string{"gate_exps.weight", "up_exps.weight"}[i%2]
				want[name] = append(want[name], data(x)[i*half:(i+1)*half]...)
			}
		}
		if !maps.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("the tensors are %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

// parts writes the model as two files, and returns the path of the second.
func (m *model) parts(t *testing.T, dir string) (path string) {
	for i, tensors := range [][]gguf.Tensor{m.tensors[:2], m.tensors[2:]} {
		p := model{tensors: tensors}
		if i == 0 {
			p.meta = m.meta.Clone()
		}
		p.meta.Set("general.architecture", gguf.Of("mistral4"))
		p.meta.Set("split.no", gguf.Of(uint16(i)))
		p.meta.Set("split.count", gguf.Of(uint16(2)))
		p.meta.Set("split.tensors.count", gguf.Of(int32(len(m.tensors))))
		path = p.write(t, filepath.Join(dir, fmt.Sprintf("two-%05d-of-00002.gguf", i+1)))
	}
	return path
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.gguf")
	other, half := newer(), newer()
	other.meta.Set("general.architecture", gguf.Of("llama"))
	half.meta.Delete("mistral4.attention.value_length_mla")
	short := filepath.Join(dir, "short.gguf")
	whole, err := os.ReadFile(newer().write(t, filepath.Join(dir, "whole.gguf")))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(short, whole[:len(whole)-200], 0o600); err != nil {
		t.Fatal(err)
	}
	for says, in := range map[string]string{
		`is "llama", not mistral4`: other.write(t, filepath.Join(dir, "other.gguf")),
		"it has one of":            half.write(t, filepath.Join(dir, "half.gguf")),
		"ends inside tensor":       short,
		"no such file":             filepath.Join(dir, "missing.gguf"),
	} {
		err := rehead.Write(t.Context(), in, out, nil)
		if err == nil || !strings.Contains(err.Error(), says) || fault.KindOf(err) != fault.BadModel {
			t.Errorf("%s: got %v, want %q", in, err, says)
		}
	}
	// A canceled run leaves nothing.
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if err := rehead.Write(ctx, filepath.Join(dir, "whole.gguf"), out, nil); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, ".bise*")); len(hidden) > 0 || slices.Contains(left, out) {
		t.Errorf("there are %v and %v", left, hidden)
	}
}
