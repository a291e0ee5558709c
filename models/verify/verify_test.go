package verify

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// model writes a tiny model and returns its path and head.
func model(t testing.TB, o tinymodel.Options) (string, *gguf.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := tinymodel.Write(path, o); err != nil {
		t.Fatal(err)
	}
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, file
}

func verify(t *testing.T, path string) Report {
	t.Helper()
	r, err := Verify(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write puts bytes into a file at a place of a tensor.
func write(t *testing.T, path string, file *gguf.File, tensor string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, x := range file.Tensors {
		if x.Name == tensor {
			if _, err := f.WriteAt(b, x.Offset+at); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("there is no tensor %s", tensor)
}

func TestWhole(t *testing.T) {
	for _, kind := range []gguf.Type{gguf.F32, gguf.F16, gguf.Q8_0, gguf.Q4_0, gguf.Q4_K} {
		path, file := model(t, tinymodel.Options{Width: 256, FFN: 256, Weights: kind})
		var told atomic.Int64
		r, err := Verify(t.Context(), path, func(done, total int64) {
			if done == total {
				told.Store(total)
			}
		})
		if err != nil || len(r.Problems) > 0 || r.Tensors != len(file.Tensors) || r.Bytes != file.Size() || r.Files != 1 {
			t.Errorf("%v: %+v, %v", kind, r, err)
		}
		if told.Load() == 0 {
			t.Errorf("%v: the end was not told", kind)
		}
	}
}

func TestPlanted(t *testing.T) {
	f32 := func(v float64) []byte {
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
	}
	half := func(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }
	const nan, inf = 0x7E01, 0xFC00
	for _, tt := range []struct {
		kind gguf.Type
		at   int64
		b    []byte
		want string
	}{
		{gguf.F32, 4 * 300, f32(math.NaN()), "1 of its numbers are NaN, the first in row 1"},
		{gguf.F32, 0, append(f32(math.Inf(-1)), f32(math.NaN())...), "1 of its numbers are NaN and 1 infinite, the first in row 0"},
		{gguf.F16, 2 * 513, half(nan), "1 of its numbers are NaN, the first in row 2"},
		{gguf.F16, 2 * 513, half(inf), "1 of its numbers are infinite, the first in row 2"},
		{gguf.Q8_0, 34 * 8, half(inf), "1 of its scales are infinite, the first in row 1"},
		{gguf.Q4_0, 18 * 9, half(nan), "1 of its scales are NaN, the first in row 1"},
		{gguf.Q4_K, 144*3 + 2, half(nan), "1 of its scales are NaN, the first in row 3"},
	} {
		t.Run(fmt.Sprint(tt.kind), func(t *testing.T) {
			path, file := model(t, tinymodel.Options{Width: 256, FFN: 256, Weights: tt.kind})
			write(t, path, file, "blk.1.ffn_up.weight", tt.at, tt.b)
			r := verify(t, path)
			if len(r.Problems) != 1 || r.Problems[0] != (Problem{"blk.1.ffn_up.weight", tt.want}) {
				t.Errorf("got %+v", r.Problems)
			}
		})
	}
}

// TestScales plants a NaN in each scale of a block of each type, and sees that
// every other byte may be anything.
func TestScales(t *testing.T) {
	scales := map[gguf.Type][]int{gguf.MXFP4: {0}, gguf.Q8_K: {3}}
	for kind, at := range scaleOffsets {
		scales[kind] = nil
		for _, o := range at {
			scales[kind] = append(scales[kind], o+1)
		}
	}
	for kind, at := range scales {
		_, size := kind.Block()
		block := make([]byte, 3*size)
		if f := scan(kind, block); f.nan+f.inf != 0 {
			t.Errorf("%v: zeros are refused", kind)
		}
		full := bytes.Repeat([]byte{0xFF}, 3*size)
		for i := range 3 {
			for _, o := range at {
				full[i*size+o] = 0 // no exponent is full any more
				if kind == gguf.Q8_K {
					full[i*size+2] = 0
				}
			}
		}
		if f := scan(kind, full); f.nan+f.inf != 0 {
			t.Errorf("%v: bytes that are no scales are looked at: %+v", kind, f)
		}
		for _, o := range at {
			b := bytes.Clone(block)
			switch kind {
			case gguf.MXFP4:
				b[size] = 0xFF
			case gguf.Q8_K:
				binary.LittleEndian.PutUint32(b[size:], math.Float32bits(float32(math.NaN())))
			default:
				binary.LittleEndian.PutUint16(b[size+o-1:], 0x7C01)
			}
			if f := scan(kind, b); f != (nonFinite{nan: 1, first: 1}) {
				t.Errorf("%v, scale at %d: %+v", kind, o, f)
			}
		}
	}
	_, size := gguf.IQ1_M.Block()
	b := make([]byte, 2*size)
	for k, v := range []uint16{0x1000, 0, 0xC000, 0x7000} { // 0x7C01, four bits each
		binary.LittleEndian.PutUint16(b[size+48+2*k:], v)
	}
	if f := scan(gguf.IQ1_M, b); f != (nonFinite{nan: 1, first: 1}) {
		t.Errorf("IQ1_M: %+v", f)
	}
}

// TestEveryTypeIsScanned keeps the table in step with the types there are.
func TestEveryTypeIsScanned(t *testing.T) {
	for kind := gguf.Type(0); kind < 64; kind++ {
		block, _ := kind.Block()
		if block <= 1 {
			continue
		}
		if _, ok := scaleOffsets[kind]; !ok && kind != gguf.MXFP4 && kind != gguf.Q8_K && kind != gguf.IQ1_M {
			t.Errorf("nothing is known of the scales of %v", kind)
		}
	}
}

func TestBroken(t *testing.T) {
	path, file := model(t, tinymodel.Mistral())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{0, 3, 40, len(whole) / 2, len(whole) - 33} {
		put(whole[:n])
		if r := verify(t, path); len(r.Problems) != 1 || r.Problems[0].Tensor != "" {
			t.Errorf("cut at byte %d: %+v", n, r)
		}
	}
	for _, tt := range []struct {
		edit func(*gguf.Metadata)
		want string
	}{
		{func(m *gguf.Metadata) { m.Delete("general.architecture") }, "does not say what architecture"},
		{func(m *gguf.Metadata) { m.Set("llama.embedding_length", gguf.Of(uint32(96))) }, "rows of 64 numbers instead of 96"},
		{func(m *gguf.Metadata) {
			tokens, _ := m.Strings("tokenizer.ggml.tokens")
			m.Set("tokenizer.ggml.tokens", gguf.List(tokens[:len(tokens)-1]))
		}, "rows for a vocabulary of"},
	} {
		path, _ := model(t, tinymodel.Options{Edit: tt.edit})
		if r := verify(t, path); len(r.Problems) == 0 || !strings.Contains(r.Problems[0].What, tt.want) {
			t.Errorf("%s: %+v", tt.want, r)
		}
	}
	if _, err := Verify(t.Context(), filepath.Join(t.TempDir(), "no"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	put(whole)
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if _, err := Verify(ctx, path, nil); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	// Cut after the head was read.
	if err := os.Truncate(path, file.Tensors[3].Offset); err != nil {
		t.Fatal(err)
	}
	if _, err := scanAll(t.Context(), file, nil); err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkVerify(b *testing.B) {
	o := tinymodel.Mistral()
	o.Layers, o.Width, o.Heads, o.KVHeads, o.FFN, o.Weights = 4, 1024, 16, 4, 3072, gguf.F16
	path, file := model(b, o)
	b.SetBytes(file.Size())
	for b.Loop() {
		if _, err := Verify(b.Context(), path, nil); err != nil {
			b.Fatal(err)
		}
	}
}
