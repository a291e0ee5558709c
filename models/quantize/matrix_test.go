package quantize

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func writeMatrix(t *testing.T, path string, m *Matrix) {
	t.Helper()
	var b bytes.Buffer
	if err := m.Encode(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func example() *Matrix {
	return &Matrix{
		Datasets: []string{"text.txt"}, Chunks: 7, ChunkSize: 512,
		Entries: map[string]Entry{
			"blk.0.attn_q.weight":        {[]float32{2, 4, 6}, []float32{2}},
			"blk.0.ffn_gate_exps.weight": {[]float32{2, 4, 6, 8, 9, 9}, []float32{2, 4, 0}},
		},
	}
}

func TestMatrix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	writeMatrix(t, path, example())
	m, err := ReadMatrix(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m, example()) {
		t.Errorf("got %+v", m)
	}
	for _, tt := range []struct {
		name string
		want []float32
	}{
		{"blk.0.attn_q.weight", []float32{1, 2, 3}},
		// The last expert was never asked: its columns count the same.
		{"blk.0.ffn_gate_exps.weight", []float32{1, 2, 1.5, 2, 1, 1}},
		{"output.weight", nil},
	} {
		if got := m.Values(tt.name); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	var keys []string
	for key := range m.Metadata("some/m.gguf").All() {
		keys = append(keys, strings.TrimPrefix(key, "quantize.imatrix."))
	}
	if !slices.Equal(keys, []string{"file", "dataset", "entries_count", "chunks_count"}) {
		t.Errorf("the metadata are %q", keys)
	}
}

// legacyFile is an imatrix.dat.
func legacyFile(tail bool) []byte {
	var b []byte
	number := func(n int) { b = binary.LittleEndian.AppendUint32(b, uint32(n)) }
	text := func(s string) { number(len(s)); b = append(b, s...) }
	number(2)
	for i, name := range []string{"blk.0.attn_q.weight", "blk.0.attn_k.weight"} {
		text(name)
		number(4 * i) // chunks
		number(2)
		for _, f := range []float32{8, 16} {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
	}
	if tail {
		number(4)
		text("text.txt")
	}
	return b
}

func TestLegacyMatrix(t *testing.T) {
	for _, tail := range []bool{true, false} {
		data := legacyFile(tail)
		m, err := decodeMatrix(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Values("blk.0.attn_k.weight"); !slices.Equal(got, []float32{2, 4}) {
			t.Errorf("the values are %v", got)
		}
		if got := m.Values("blk.0.attn_q.weight"); !slices.Equal(got, []float32{8, 16}) {
			t.Errorf("without a count the values are %v", got)
		}
		if tail && (m.Chunks != 4 || !slices.Equal(m.Datasets, []string{"text.txt"})) || !tail && (m.Chunks != 0 || m.Datasets != nil) {
			t.Errorf("got %+v", m)
		}
	}
}

func TestMatrixRefuses(t *testing.T) {
	nan := example()
	nan.Entries["blk.0.attn_q.weight"] = Entry{[]float32{float32(math.NaN())}, []float32{1}}
	var b bytes.Buffer
	if err := nan.Encode(&b); err == nil || b.Len() > 0 {
		t.Errorf("a NaN was written: %v", err)
	}
	whole := legacyFile(true)
	for i := range whole {
		// Both ends before the tail are whole files too.
		if i == len(legacyFile(false)) {
			continue
		}
		if _, err := decodeMatrix(bytes.NewReader(whole[:i]), int64(i)); err == nil {
			t.Errorf("a file cut at byte %d of %d is read", i, len(whole))
		}
	}
	large := slices.Clone(whole)
	binary.LittleEndian.PutUint32(large[4:], 1<<30)
	if _, err := decodeMatrix(bytes.NewReader(large), int64(len(large))); err == nil || !strings.Contains(err.Error(), ": 1073741824") {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	if _, err := ReadMatrix(dir); err == nil || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Errorf("got %v", err)
	}
}

// FuzzMatrix checks that what is read is written and read again as it is.
func FuzzMatrix(f *testing.F) {
	var b bytes.Buffer
	if err := example().Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(legacyFile(true))
	f.Add(legacyFile(false))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		m, err := decodeMatrix(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for name := range m.Entries {
			m.Values(name)
		}
		var b bytes.Buffer
		if m.Encode(&b) != nil {
			return // a name that is too long with its suffix
		}
		again, err := decodeMatrix(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(m.Entries, again.Entries) || m.Chunks != again.Chunks {
			t.Errorf("%+v became %+v", m, again)
		}
	})
}
