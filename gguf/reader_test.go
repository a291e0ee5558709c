package gguf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// raw builds files byte by byte, so that they can be wrong.
type raw struct{ bytes.Buffer }

func (r *raw) put(vs ...any) *raw {
	for _, v := range vs {
		switch v := v.(type) {
		case string: // with its length
			r.put(uint64(len(v)))
			r.WriteString(v)
		default:
			if err := binary.Write(r, binary.LittleEndian, v); err != nil {
				panic(err)
			}
		}
	}
	return r
}

func start(version uint32, tensors, keys uint64) *raw {
	r := &raw{}
	r.WriteString("GGUF")
	return r.put(version, tensors, keys)
}

// withData pads to the alignment and adds n bytes.
func (r *raw) withData(n int) *raw {
	r.Write(make([]byte, (32-r.Len()%32)%32+n))
	return r
}

func decode(b []byte) (*gguf.File, error) {
	return gguf.Decode(bytes.NewReader(b), int64(len(b)))
}

const (
	f32  = uint32(gguf.F32)
	q8   = uint32(gguf.Q8_0)
	list = uint32(gguf.Array)
	text = uint32(gguf.String)
	u32  = uint32(gguf.Uint32)
)

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name string
		file *raw
		want string
	}{
		{"empty", &raw{}, "an empty file"},
		{"three bytes", &raw{*bytes.NewBufferString("GGU")}, "not a GGUF"},
		{"text", &raw{*bytes.NewBufferString("hello, this is text")}, "not a GGUF"},
		{"lfs", &raw{*bytes.NewBufferString("version https://git-lfs.github.com/spec/v1\n")}, "Git LFS pointer"},
		{"html", &raw{*bytes.NewBufferString("<!DOCTYPE html><html>")}, "a web page"},
		{"zip", &raw{*bytes.NewBufferString("PK\x03\x04....")}, "a zip archive"},
		{"old", &raw{*bytes.NewBufferString("tjgg\x03\x00\x00\x00")}, "before GGUF"},
		{"zeros", (&raw{}).put(make([]byte, 64)), "a file of zeros"},
		{"safetensors", (&raw{}).put(uint64(90), []byte(`{"__metadata__":{}}`)), "safetensors"},
		{"version 1", start(1, 0, 0), "version 1"},
		{"version 4", start(4, 0, 0), "version 4"},
		{"version 0", start(0, 0, 0), "version 0"},
		{"big-endian", start(3<<24, 0, 0), "big-endian"},
		{"tensors beyond the file", start(3, 1<<40, 0), "1099511627776 tensors"},
		{"keys beyond the file", start(3, 0, 1<<63), "9223372036854775808 keys"},
		{"long key", start(3, 0, 1).put(uint64(1<<20), make([]byte, 1<<20)), "name of 1048576 bytes"},
		{"key beyond the file", start(3, 0, 1).put(uint64(60000), make([]byte, 100)), "the file ends inside key 0"},
		{"twice", start(3, 0, 2).put("a", u32, uint32(1), "a", u32, uint32(1)), `"a" appears twice`},
		{"unknown value type", start(3, 0, 1).put("a", uint32(13), uint64(0)), "type 13"},
		{"unknown element type", start(3, 0, 1).put("a", list, uint32(77), uint64(0)), "type 77"},
		{"array of arrays", start(3, 0, 1).put("a", list, list, uint64(0)), "array of arrays"},
		{"string beyond the file", start(3, 0, 1).put("a", text, uint64(1<<62)), `the value of "a"`},
		{"array beyond the file", start(3, 0, 1).put("a", list, u32, uint64(1<<62)), `the value of "a"`},
		{"strings beyond the file", start(3, 0, 1).put("a", list, text, uint64(1<<61)), `the value of "a"`},
		{"alignment 0", start(3, 0, 1).put("general.alignment", u32, uint32(0)), "power of two"},
		{"alignment 48", start(3, 0, 1).put("general.alignment", u32, uint32(48)), "power of two"},
		{"alignment 2 GB", start(3, 0, 1).put("general.alignment", u32, uint32(1<<31)), "power of two"},
		{"alignment of another type", start(3, 0, 1).put("general.alignment", uint32(gguf.Uint64), uint64(32)), "uint64 instead of uint32"},
		{"alignment in an empty array", start(3, 0, 1).put("general.alignment", list, u32, uint64(0)), "array instead of uint32"},
		{"long tensor name", start(3, 1, 0).put(strings.Repeat("n", 64), uint32(1), uint64(1), f32, uint64(0)).withData(4), "name of 64 bytes"},
		{"five dimensions", start(3, 1, 0).put("t", uint32(5), [5]uint64{1, 1, 1, 1, 1}, f32, uint64(0)).withData(4), "5 dimensions"},
		{"a dimension of 0", start(3, 1, 0).put("t", uint32(2), [2]uint64{1, 0}, f32, uint64(0)).withData(4), "dimension of 0"},
		{"a negative dimension", start(3, 1, 0).put("t", uint32(1), ^uint64(0), f32, uint64(0)).withData(4), "dimension of -1"},
		{"elements overflow", start(3, 1, 0).put("t", uint32(3), [3]uint64{1 << 30, 1 << 30, 1 << 30}, f32, uint64(0)).withData(4), "more elements than can be"},
		{"bytes overflow", start(3, 1, 0).put("t", uint32(2), [2]uint64{1 << 30, 1 << 29}, f32, uint64(0)).withData(4), "is too large"},
		{"unknown tensor type", start(3, 1, 0).put("t", uint32(1), uint64(32), uint32(31), uint64(0)).withData(64), "type 31"},
		{"half a block", start(3, 1, 0).put("t", uint32(1), uint64(48), q8, uint64(0)).withData(64), "not a multiple of the 32"},
		{"two of a name", start(3, 2, 0).put("t", uint32(1), uint64(8), f32, uint64(0), "t", uint32(1), uint64(8), f32, uint64(32)).withData(64), `two tensors named "t"`},
		{"overlap", start(3, 2, 0).put("t", uint32(1), uint64(8), f32, uint64(0), "u", uint32(1), uint64(8), f32, uint64(0)).withData(64), `"u" begins at byte 0 of the data instead of 32`},
		{"offset far away", start(3, 1, 0).put("t", uint32(1), uint64(8), f32, ^uint64(0)-31).withData(64), "begins at byte"},
		{"data missing", start(3, 1, 0).put("t", uint32(1), uint64(8), f32, uint64(0)).withData(31), `ends inside tensor "t"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decode(tt.file.Bytes())
			var format *gguf.FormatError
			if !errors.As(err, &format) {
				t.Fatalf("got %v, want a FormatError", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestDecodeVersion2(t *testing.T) {
	f, err := decode(start(2, 1, 1).put("a", text, "b", "t", uint32(2), [2]uint64{4, 2}, f32, uint64(0)).withData(32).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := f.Metadata.String("a"); s != "b" || f.Version != 2 {
		t.Errorf("got %q and version %d", s, f.Version)
	}
	if got := f.Tensors[0]; got.Offset%32 != 0 || got.Elements() != 8 || got.Size() != 32 {
		t.Errorf("got %+v", got)
	}
}

// tiny is a small model of every kind of value and of tensor.
func tiny(t testing.TB, o tinymodel.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tinymodel.Encode(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTruncatedAnywhere(t *testing.T) {
	o := tinymodel.Options{Width: 32, Heads: 1, Layers: 1, Tokens: 400}
	whole := tiny(t, o)
	f, err := decode(whole)
	if err != nil {
		t.Fatal(err)
	}
	data := f.Parts[0].Data
	check := func(n int64) {
		// The size that is announced is the one that is there.
		_, err := decode(whole[:n])
		var format *gguf.FormatError
		if !errors.As(err, &format) {
			t.Fatalf("cut at %d: got %v, want a FormatError", n, err)
		}
		// The file shrinks while it is read.
		if n < data-32 {
			if _, err := gguf.Decode(bytes.NewReader(whole[:n]), int64(len(whole))); !errors.As(err, &format) && !errors.Is(err, io.EOF) {
				t.Fatalf("shrunk to %d: got %v", n, err)
			}
		}
	}
	for n := range data { // all of the keys and of the infos, some of the vocabulary
		if n < 1500 || n > data-1500 || n%13 == 0 {
			check(n)
		}
	}
	last := f.Tensors[len(f.Tensors)-1]
	for n := data; n < last.Offset+last.Size(); n += 997 {
		check(n)
	}
	check(last.Offset + last.Size() - 1)
}

func TestLargeVocabulary(t *testing.T) {
	whole := tiny(t, tinymodel.Options{Vocabulary: tinymodel.ByteLevel, Width: 32, Heads: 1, Layers: 1, Tokens: 131072, Weights: gguf.Q4_0})
	begin := time.Now()
	f, err := decode(whole)
	took := time.Since(begin)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := f.Metadata.Count("tokenizer.ggml.tokens"); n != 131072 {
		t.Errorf("%d tokens", n)
	}
	// Ten times what it takes on a slow machine, to catch what grows with the square.
	if took > time.Second {
		t.Errorf("reading took %v", took)
	}
	if err := f.Check(); err != nil {
		t.Error(err)
	}
}

func BenchmarkDecodeLargeVocabulary(b *testing.B) {
	whole := tiny(b, tinymodel.Options{Vocabulary: tinymodel.ByteLevel, Width: 32, Heads: 1, Layers: 1, Tokens: 131072, Weights: gguf.Q4_0})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(whole); err != nil {
			b.Fatal(err)
		}
	}
}

func TestReadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	_, err := gguf.Read(dir)
	var format *gguf.FormatError
	if !errors.As(err, &format) || !strings.Contains(err.Error(), "directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := gguf.Read(filepath.Join(dir, "none.gguf")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := gguf.Read(os.DevNull); !errors.As(err, &format) {
		t.Errorf("a device: %v", err)
	}
}

// fixtures are real files, where they are at hand.
func fixtures(t *testing.T) []string {
	files, _ := filepath.Glob("../../shared/fixtures/gguf/*.gguf")
	if cache, err := os.UserCacheDir(); err == nil {
		more, _ := filepath.Glob(filepath.Join(cache, "bise-fixtures", "*.gguf"))
		files = append(files, more...)
	}
	if len(files) == 0 {
		t.Skip("no real GGUF files here: ../shared/fixtures/gguf is absent")
	}
	return files
}

func TestRealFiles(t *testing.T) {
	for _, path := range fixtures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			begin := time.Now()
			f, err := gguf.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(begin)
			if err := f.Check(); err != nil {
				t.Error(err)
			}
			s := f.Summary()
			if s.Parameters == 0 || s.Weights == 0 || s.Blocks == 0 && s.Architecture != "clip" {
				t.Errorf("an empty summary: %+v", s)
			}
			t.Logf("%v: %+v, %d bytes of KV a token, %d of state", took, s, s.KVBytes(gguf.F16, gguf.F16), s.StateBytes())
		})
	}
}

// What is read and written again is the same file, byte for byte.
func TestRealFilesRoundTrip(t *testing.T) {
	for _, path := range fixtures(t) {
		if info, err := os.Stat(path); err != nil || info.Size() > 16<<20 {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := decode(whole)
			if err != nil {
				t.Fatal(err)
			}
			again := rewrite(t, f, whole)
			if !bytes.Equal(again, whole) {
				t.Errorf("%d bytes were written from %d, and they differ", len(again), len(whole))
			}
		})
	}
}

// rewrite writes a file that was read from whole.
func rewrite(t testing.TB, f *gguf.File, whole []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gguf.NewWriter(&b, &f.Metadata, f.Tensors)
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range f.Tensors {
		data, err := w.Tensor(tensor.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := data.Write(whole[tensor.Offset : tensor.Offset+tensor.Size()]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("GGUF"))
	f.Add(start(3, 1, 1).put("general.alignment", u32, uint32(64), "t", uint32(1), uint64(8), f32, uint64(0)).withData(64).Bytes())
	f.Add(start(2, 0, 2).put("a", list, text, uint64(2), "x", "yz", "b", list, u32, uint64(1), uint32(7)).Bytes())
	f.Add(tiny(f, tinymodel.Options{Width: 32, Heads: 1, Layers: 1, Tokens: 400})[:20000])
	f.Add(start(3, 0, 4).put("general.architecture", text, "llama", "llama.block_count", u32, uint32(3),
		"llama.attention.head_count", list, u32, uint64(2), [2]uint32{4, 0}, "tokenizer.ggml.model", text, "gpt2").Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		file, err := decode(b)
		if err != nil {
			var format *gguf.FormatError
			if !errors.As(err, &format) {
				t.Fatalf("got %v, want a FormatError", err)
			}
			return
		}
		s := file.Summary()
		s.KVBytes(gguf.F16, gguf.Q8_0)
		s.StateBytes()
		if err := file.Check(); err != nil {
			var format *gguf.FormatError
			if !errors.As(err, &format) {
				t.Fatalf("got %v, want a FormatError", err)
			}
		}
		// What can be read can be written, and reads the same.
		again, err := decode(rewrite(t, file, b))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !slices.EqualFunc(file.Tensors, again.Tensors, func(a, b gguf.Tensor) bool {
			return a.Name == b.Name && a.Type == b.Type && slices.Equal(a.Dims, b.Dims)
		}) {
			t.Error("the tensors changed")
		}
		same(t, &file.Metadata, &again.Metadata)
	})
}

// same compares all that the getters give, so it calls all of them.
func same(t *testing.T, a, b *gguf.Metadata) {
	t.Helper()
	if a.Len() != b.Len() {
		t.Errorf("%d keys and %d", a.Len(), b.Len())
	}
	for key, v := range a.All() {
		w, ok := b.Value(key)
		if !ok || v.Kind() != w.Kind() || v.Elem() != w.Elem() || v.Len() != w.Len() {
			t.Errorf("%q is %v and %v", key, v, w)
		}
		s, _ := a.String(key)
		u, _ := b.String(key)
		is, _ := a.Ints(key)
		iu, _ := b.Ints(key)
		fs, _ := a.Floats(key)
		fu, _ := b.Floats(key)
		ss, _ := a.Strings(key)
		su, _ := b.Strings(key)
		bs, _ := a.Bool(key)
		bu, _ := b.Bool(key)
		us, _ := a.Uint(key)
		uu, _ := b.Uint(key)
		if s != u || !slices.Equal(is, iu) || !slices.Equal(ss, su) || bs != bu || us != uu || len(fs) != len(fu) {
			t.Errorf("%q differs", key)
		}
	}
}
