package gguf_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/bise-sh/bise/gguf"
)

func TestWriterRefusesHeads(t *testing.T) {
	long := strings.Repeat("k", 1<<16)
	tests := []struct {
		name    string
		set     func(*gguf.Metadata)
		tensors []gguf.Tensor
		want    string
	}{
		{"long key", func(m *gguf.Metadata) { m.Set(long, gguf.Of(true)) }, nil, "65536 bytes"},
		{"alignment", func(m *gguf.Metadata) { m.Set("general.alignment", gguf.Of(uint32(3))) }, nil, "power of two"},
		{"type", nil, []gguf.Tensor{{Name: "t", Type: 4, Dims: []int64{32}}}, "type 4"},
		{"rows", nil, []gguf.Tensor{{Name: "t", Type: gguf.Q4_K, Dims: []int64{128}}}, "not a multiple of the 256"},
		{"name", nil, []gguf.Tensor{{Name: long, Dims: []int64{1}}}, "65536 bytes"},
		{"dimensions", nil, []gguf.Tensor{{Name: "t", Dims: make([]int64, 5)}}, "5 dimensions"},
		{"twice", nil, []gguf.Tensor{{Name: "t", Dims: []int64{1}}, {Name: "t", Dims: []int64{1}}}, "two tensors"},
		{"sum", nil, []gguf.Tensor{{Name: "t", Dims: []int64{1 << 57}}, {Name: "u", Dims: []int64{1 << 57}}, {Name: "v", Dims: []int64{1 << 57}}}, "more bytes than a file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var m gguf.Metadata
			if tt.set != nil {
				tt.set(&m)
			}
			_, err := gguf.NewWriter(io.Discard, &m, tt.tensors)
			var format *gguf.FormatError
			if !errors.As(err, &format) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a FormatError that says %q", err, tt.want)
			}
		})
	}
}

func TestWriterKeepsCount(t *testing.T) {
	var b bytes.Buffer
	w, err := gguf.NewWriter(&b, &gguf.Metadata{}, []gguf.Tensor{
		{Name: "a", Type: gguf.F32, Dims: []int64{3}},
		{Name: "b", Type: gguf.F32, Dims: []int64{1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wants := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
	_, err = w.Tensor("b")
	wants(err, `"a" comes before it`)
	a, err := w.Tensor("a")
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Write(make([]byte, 13))
	wants(err, "1 bytes too many")
	if _, err := a.Write(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	_, err = w.Tensor("b")
	wants(err, `"a" lacks 4 of 12 bytes`)
	wants(w.Close(), `"a" lacks 4 of 12 bytes`)
	if _, err := a.Write(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	wants(w.Close(), `"b" has no data`)
	c, err := w.Tensor("b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	_, err = w.Tensor("c")
	wants(err, "all 2 tensors are written")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := decode(b.Bytes()); err != nil {
		t.Errorf("what was written cannot be read: %v", err)
	}
}

// failing fails after so many bytes.
type failing int

var errFull = errors.New("no space left")

func (f *failing) Write(p []byte) (int, error) {
	if len(p) > int(*f) {
		return 0, errFull
	}
	*f -= failing(len(p))
	return len(p), nil
}

func TestWriterReportsTheDisk(t *testing.T) {
	tensors := []gguf.Tensor{{Name: "a", Type: gguf.F32, Dims: []int64{4}}, {Name: "b", Type: gguf.F32, Dims: []int64{4}}}
	var m gguf.Metadata
	for room := range failing(200) {
		room := room
		w, err := gguf.NewWriter(&room, &m, tensors)
		for _, tensor := range tensors {
			if err != nil {
				break
			}
			var data io.Writer
			if data, err = w.Tensor(tensor.Name); err == nil {
				_, err = data.Write(make([]byte, 16))
			}
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil && !errors.Is(err, errFull) {
			t.Fatalf("got %v, want the disk's error", err)
		}
		if err == nil && room < 0 {
			t.Fatal("more was written than there was room for")
		}
	}
}
