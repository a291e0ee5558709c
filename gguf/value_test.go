package gguf_test

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/bise-sh/bise/gguf"
)

// written is metadata that went through a file.
func written(t testing.TB, set func(*gguf.Metadata)) *gguf.Metadata {
	t.Helper()
	var m gguf.Metadata
	set(&m)
	var b bytes.Buffer
	w, err := gguf.NewWriter(&b, &m, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := decode(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return &f.Metadata
}

func TestGetters(t *testing.T) {
	m := written(t, func(m *gguf.Metadata) {
		m.Set("u8", gguf.Of(uint8(200)))
		m.Set("i8", gguf.Of(int8(-3)))
		m.Set("u16", gguf.Of(uint16(60000)))
		m.Set("i16", gguf.Of(int16(-300)))
		m.Set("u32", gguf.Of(uint32(4e9)))
		m.Set("i32", gguf.Of(int32(-70000)))
		m.Set("u64", gguf.Of(uint64(math.MaxUint64)))
		m.Set("i64", gguf.Of(int64(math.MinInt64)))
		m.Set("f32", gguf.Of(float32(0.5)))
		m.Set("f64", gguf.Of(1e-5))
		m.Set("yes", gguf.Of(true))
		m.Set("no", gguf.Of(false))
		m.Set("s", gguf.Of("wind ❄"))
		m.Set("empty", gguf.Of(""))
		m.Set("strings", gguf.List([]string{"a", "", "ccc"}))
		m.Set("ints", gguf.List([]int32{1, -2}))
		m.Set("floats", gguf.List([]float32{1.5, 2}))
		m.Set("none", gguf.List([]uint32{}))
	})
	get := func(f any, key string) any {
		out := reflect.ValueOf(f).Call([]reflect.Value{reflect.ValueOf(key)})
		if !out[1].Bool() {
			return nil
		}
		return out[0].Interface()
	}
	tests := []struct {
		getter any
		key    string
		want   any // nil: it answers false
	}{
		{m.Uint, "u8", uint64(200)},
		{m.Uint, "u16", uint64(60000)},
		{m.Uint, "u32", uint64(4e9)},
		{m.Uint, "u64", uint64(math.MaxUint64)},
		{m.Uint, "i8", nil},
		{m.Uint, "i64", nil},
		{m.Uint, "yes", nil},
		{m.Uint, "f32", nil},
		{m.Uint, "s", nil},
		{m.Uint, "ints", nil},
		{m.Uint, "absent", nil},
		{m.Int, "i8", int64(-3)},
		{m.Int, "i16", int64(-300)},
		{m.Int, "i32", int64(-70000)},
		{m.Int, "i64", int64(math.MinInt64)},
		{m.Int, "u32", int64(4e9)},
		{m.Int, "u64", nil},
		{m.Float, "f32", 0.5},
		{m.Float, "f64", 1e-5},
		{m.Float, "i8", -3.0},
		{m.Float, "s", nil},
		{m.Float, "floats", nil},
		{m.Bool, "yes", true},
		{m.Bool, "no", false},
		{m.Bool, "u8", nil},
		{m.String, "s", "wind ❄"},
		{m.String, "empty", ""},
		{m.String, "strings", nil},
		{m.Strings, "strings", []string{"a", "", "ccc"}},
		{m.Strings, "ints", nil},
		{m.Strings, "s", nil},
		{m.Ints, "ints", []int64{1, -2}},
		{m.Ints, "u8", []int64{200}},
		{m.Ints, "strings", nil},
		{m.Ints, "none", []int64{}},
		{m.Floats, "floats", []float64{1.5, 2}},
		{m.Floats, "ints", []float64{1, -2}},
		{m.Count, "strings", 3},
		{m.Count, "none", 0},
		{m.Count, "s", nil},
	}
	for _, tt := range tests {
		if got := get(tt.getter, tt.key); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %#v, want %#v", tt.key, got, tt.want)
		}
	}
}

func TestMetadataKeepsItsOrder(t *testing.T) {
	var m gguf.Metadata
	m.Set("b", gguf.Of(uint8(1)))
	m.Set("a", gguf.Of(uint8(2)))
	m.Set("c", gguf.Of(uint8(3)))
	m.Set("b", gguf.Of("changed"))
	copied := m.Clone()
	copied.Delete("a")
	copied.Delete("absent")
	copied.Set("d", gguf.Of(uint8(4)))

	keys := func(m gguf.Metadata) (list []string) {
		for k := range m.All() {
			list = append(list, k)
		}
		return list
	}
	if got, want := keys(m), []string{"b", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := keys(copied), []string{"b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("the copy: got %v, want %v", got, want)
	}
	if s, _ := m.String("b"); s != "changed" {
		t.Errorf("b is %q", s)
	}
}

func FuzzWriteRead(f *testing.F) {
	f.Add("general.name", "wind", int64(-1), 0.5, []byte{1, 2, 3})
	f.Add("", "", int64(0), math.Inf(1), []byte(nil))
	f.Fuzz(func(t *testing.T, key, s string, n int64, x float64, data []byte) {
		if len(key) > 1000 || len(s) > 1000 || len(data) > 1000 {
			return
		}
		var m gguf.Metadata
		m.Set(key+"s", gguf.Of(s))
		m.Set(key+"n", gguf.Of(n))
		m.Set(key+"x", gguf.Of(x))
		m.Set(key+"list", gguf.List([]string{s, key, s}))
		m.Set(key+"bytes", gguf.List(data))
		tensors := []gguf.Tensor{
			{Name: "first", Type: gguf.I8, Dims: []int64{int64(len(data)) + 1}},
			{Name: "second", Type: gguf.F32, Dims: []int64{1, 2}},
		}
		var b bytes.Buffer
		w, err := gguf.NewWriter(&b, &m, tensors)
		if err != nil {
			t.Fatal(err)
		}
		for i, content := range [][]byte{append(data, 7), {1, 2, 3, 4, 5, 6, 7, 8}} {
			to, err := w.Tensor(tensors[i].Name)
			if err != nil {
				t.Fatal(err)
			}
			half := len(content) / 2
			to.Write(content[:half])
			to.Write(content[half:])
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		file, err := decode(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		same(t, &m, &file.Metadata)
		if got, _ := file.Metadata.Float(key + "x"); math.Float64bits(got) != math.Float64bits(x) {
			t.Errorf("%v became %v", x, got)
		}
		first := file.Tensors[0]
		if got := b.Bytes()[first.Offset : first.Offset+first.Size()]; !bytes.Equal(got, append(data, 7)) {
			t.Errorf("the data %x became %x", data, got)
		}
	})
}
