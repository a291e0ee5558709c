package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// file puts a head before n bytes of data.
func file(head string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	return append(append(b, head...), make([]byte, n)...)
}

func decode(b []byte) (*File, error) { return Decode(bytes.NewReader(b), int64(len(b))) }

func TestDecode(t *testing.T) {
	f, err := decode(file(`{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  `, 16))
	if err != nil {
		t.Fatal(err)
	}
	head := f.Tensors[0].Offset
	want := []Tensor{{"a", F32, []int64{}, head}, {"b", BF16, []int64{2, 3}, head + 4}}
	if !reflect.DeepEqual(f.Tensors, want) || f.Metadata["format"] != "pt" {
		t.Errorf("got %+v", f)
	}
	if n := f.Tensors[0].Elements(); n != 1 {
		t.Errorf("a scalar has %d elements", n)
	}
}

func TestDecodeRefuses(t *testing.T) {
	one := func(dtype, shape, offsets string) string {
		return `{"w":{"dtype":"` + dtype + `","shape":` + shape + `,"data_offsets":` + offsets + `}}`
	}
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "too short"},
		{"seven bytes", make([]byte, 7), "too short"},
		{"a head of 100 MB", binary.LittleEndian.AppendUint64(nil, 100_000_000), "100000000 bytes"},
		{"a head of 2⁶⁴ bytes", binary.LittleEndian.AppendUint64(nil, 1<<64-1), "the limit is"},
		{"cut in the head", file("{}", 0)[:9], "ends inside its head"},
		{"no JSON", file("hello", 0), "not a JSON object"},
		{"a list", file("[]", 0), "not a JSON object"},
		{"unfinished", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`, 4), "not JSON"},
		{"two heads", file(`{}{}`, 0), "data after its JSON"},
		{"numbers in the metadata", file(`{"__metadata__":{"a":1}}`, 0), "not strings"},
		{"no shape", file(`{"w":{"dtype":"F32","data_offsets":[0,4]}}`, 4), `"w" lacks`},
		{"null", file(`{"w":null}`, 0), `"w" lacks`},
		{"one offset", file(one("F32", "[1]", "[0]"), 4), `"w" lacks`},
		{"unknown type", file(one("Q7", "[1]", "[0,4]"), 4), `type "Q7"`},
		{"negative dimension", file(one("F32", "[-1]", "[0,4]"), 4), "dimension of -1"},
		{"fraction", file(one("F32", "[1.5]", "[0,4]"), 4), "cannot be read"},
		{"overflow", file(one("F32", "[4294967296,4294967296,4294967296]", "[0,4]"), 4), "is too large"},
		{"zero hides an overflow", file(one("F32", "[0,4294967296,4294967296]", "[0,0]"), 0), "is too large"},
		{"wrong size", file(one("F32", "[2]", "[0,4]"), 4), "has 4 bytes, and 8 by its shape"},
		{"backwards", file(one("F32", "[1]", "[4,0]"), 4), "bytes 4 to 0"},
		{"negative offset", file(one("F32", "[1]", "[-4,0]"), 4), "bytes -4 to 0"},
		{"far offset", file(one("F32", "[1]", "[9223372036854775800,9223372036854775804]"), 4), `"w" has the invalid range`},
		{"outside", file(one("F32", "[1]", "[0,4]"), 3), "ends outside the file"},
		{"misaligned", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}`, 5), `"w" is misaligned`},
		{"overlap", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `"w" overlaps with "a"`},
		{"the same bytes", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), "overlaps"},
		{"gap", file(one("F32", "[1]", "[4,8]"), 8), "begins 4 bytes after"},
		{"more data", file(one("F32", "[1]", "[0,4]"), 5), "1 bytes after its tensors"},
		{"two of a name", file(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `"w" appears twice`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode(tt.file)
			if _, ok := errors.AsType[*FormatError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a FormatError that says %q", err, tt.want)
			}
		})
	}
}

func TestWriter(t *testing.T) {
	var b bytes.Buffer
	tensors := []Tensor{{Name: "x", Type: F32, Shape: []int64{2, 1}}, {Name: "ä\n\"", Type: BF16}}
	w, err := NewWriter(&b, map[string]string{"a": "b"}, tensors)
	if err != nil {
		t.Fatal(err)
	}
	if b.Len()%8 != 0 {
		t.Errorf("the head ends at byte %d", b.Len())
	}
	if _, err := w.Write([]byte("12345678")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err == nil {
		t.Error("two missing bytes were not noticed")
	}
	if _, err := w.Write([]byte("90+")); err == nil {
		t.Error("a byte too many was taken")
	}
	if _, err := io.WriteString(w, "90"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := decode(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if f.Metadata["a"] != "b" || len(f.Tensors) != 2 || f.Tensors[1].Name != "ä\n\"" {
		t.Errorf("got %+v", f)
	}
	if got := string(b.Bytes()[f.Tensors[1].Offset:]); got != "90" {
		t.Errorf("the last tensor is %q", got)
	}
	for _, bad := range [][]Tensor{
		{{Name: "x", Type: "Q7"}},
		{{Name: "x", Type: F32}, {Name: "x", Type: F32}},
		{{Name: "__metadata__", Type: F32}},
		{{Name: "x", Type: U8}, {Name: "y", Type: F32}},
	} {
		if _, err := NewWriter(io.Discard, nil, bad); err == nil {
			t.Errorf("%v was written", bad)
		}
	}
}

func TestFixtures(t *testing.T) {
	paths, _ := filepath.Glob("../../shared/fixtures/models/*/*/*.safetensors")
	if len(paths) == 0 {
		t.Skip("../shared/fixtures is absent")
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := Decode(bytes.NewReader(data), int64(len(data))); err != nil || len(f.Tensors) == 0 {
			t.Errorf("%s: %+v, %v", path, f, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(file(`{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  `, 16))
	f.Add(file(`{"a":{"dtype":"U8","shape":[0,5],"data_offsets":[0,0]},"b":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]}}`, 3))
	f.Add([]byte("PK\x03\x04 and some more"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		file, err := decode(b)
		if err != nil {
			if _, ok := errors.AsType[*FormatError](err); !ok {
				t.Fatalf("got %v, want a FormatError", err)
			}
			return
		}
		// What can be read can be written, and reads the same.
		var again bytes.Buffer
		w, err := NewWriter(&again, file.Metadata, file.Tensors)
		if err != nil {
			t.Fatal(err)
		}
		for _, tensor := range file.Tensors {
			if _, err := w.Write(b[tensor.Offset : tensor.Offset+tensor.Size()]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := decode(again.Bytes()); err != nil || len(got.Tensors) != len(file.Tensors) {
			t.Fatalf("what was written reads as %+v, %v", got, err)
		}
	})
}
