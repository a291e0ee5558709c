package tinymodel_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/x448/float16"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

func encode(t *testing.T, o tinymodel.Options) ([]byte, *gguf.File) {
	t.Helper()
	var b bytes.Buffer
	if err := tinymodel.Encode(&b, o); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Decode(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), f
}

func TestModelsAreWhole(t *testing.T) {
	with := func(o tinymodel.Options, edit func(*tinymodel.Options)) tinymodel.Options { edit(&o); return o }
	tests := []struct {
		name string
		o    tinymodel.Options
	}{
		{"Mistral", tinymodel.Mistral()},
		{"ChatML", tinymodel.ChatML()},
		{"Tekken 13", tinymodel.Tekken13()},
		{"Embedder", tinymodel.Embedder()},
		{"Mamba", tinymodel.Mamba()},
		{"quantized to 8 bits", with(tinymodel.Mistral(), func(o *tinymodel.Options) { o.Weights = gguf.Q8_0 })},
		{"quantized to 4 bits", with(tinymodel.Mamba(), func(o *tinymodel.Options) { o.Weights = gguf.Q4_0 })},
		{"K-quantized", with(tinymodel.ChatML(), func(o *tinymodel.Options) { o.Weights, o.Width = gguf.Q4_K, 256 })},
		{"experts", with(tinymodel.Mistral(), func(o *tinymodel.Options) { o.Experts = 4 })},
		{"vocabulary of 5,000", with(tinymodel.ChatML(), func(o *tinymodel.Options) { o.Tokens = 5000 })},
		{"vocabulary of 400", with(tinymodel.Mistral(), func(o *tinymodel.Options) { o.Tokens = 400 })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			whole, f := encode(t, tt.o)
			if err := f.Check(); err != nil {
				t.Error(err)
			}
			if again, _ := encode(t, tt.o); !bytes.Equal(whole, again) {
				t.Error("the same options gave another model")
			}
			other := tt.o
			other.Seed++
			if again, _ := encode(t, other); bytes.Equal(whole, again) {
				t.Error("another seed gave the same model")
			}
			s := f.Summary()
			if tt.o.Tokens != 0 && s.Vocabulary != tt.o.Tokens {
				t.Errorf("%d tokens, want %d", s.Vocabulary, tt.o.Tokens)
			}
			if got := f.Tensors[0].Dims[1]; got != int64(s.Vocabulary) {
				t.Errorf("an embedding for %d tokens of %d", got, s.Vocabulary)
			}
		})
	}
}

func TestWriteToDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := tinymodel.Write(path, tinymodel.Mistral()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 1<<20 {
		t.Errorf("%d bytes are not tiny", info.Size())
	}
	if err := tinymodel.Write(filepath.Join(path, "no"), tinymodel.Mistral()); err == nil {
		t.Error("wrote below a file")
	}
}

func TestRefusesShapes(t *testing.T) {
	for name, o := range map[string]tinymodel.Options{
		"architecture":    {Architecture: "gpt"},
		"multiples of 32": {Width: 48},
		"do not divide":   {Heads: 4, KVHeads: 3},
		"rotated":         {Width: 32, Heads: 32},
		"cannot be used":  {Experts: 2, ExpertsUsed: 3},
		"are needed":      {Tokens: 10},
		"packs together":  {Weights: gguf.Q4_K, Width: 64},
	} {
		err := tinymodel.Encode(&bytes.Buffer{}, o)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: got %v, want it to say %q", o, err, name)
		}
	}
}

// Every token of more than one character can be reached by joining two others,
// and every piece of the sentences below is one.
func TestVocabularies(t *testing.T) {
	for name, o := range map[string]tinymodel.Options{"SentencePiece": tinymodel.Mistral(), "byte-level": tinymodel.ChatML(), "Tekken": tinymodel.Tekken13()} {
		t.Run(name, func(t *testing.T) {
			o.Tokens = 2000
			_, f := encode(t, o)
			tokens, _ := f.Metadata.Strings("tokenizer.ggml.tokens")
			types, _ := f.Metadata.Ints("tokenizer.ggml.token_type")
			if len(tokens) != 2000 || len(types) != 2000 {
				t.Fatalf("%d tokens, %d types", len(tokens), len(types))
			}
			for i, token := range tokens {
				runes := []rune(token)
				if types[i] != 1 || len(runes) < 2 {
					continue
				}
				joined := false
				for at := 1; at < len(runes); at++ {
					joined = joined || slices.Contains(tokens, string(runes[:at])) && slices.Contains(tokens, string(runes[at:]))
				}
				if !joined {
					t.Errorf("%q cannot be reached", token)
				}
			}
		})
	}
}

func TestByteLevelAlphabet(t *testing.T) {
	_, f := encode(t, tinymodel.ChatML())
	tokens, _ := f.Metadata.Strings("tokenizer.ggml.tokens")
	bytes := tokens[slices.Index(tokens, "Ā"):][:256] // byte 0 is U+0100 in GPT-2's table
	for b, want := range map[int]string{0: "Ā", ' ': "Ġ", '\n': "Ċ", 'a': "a", '~': "~", 0x7F: "ġ", 0xA1: "¡", 0xAD: "Ń", 0xFF: "ÿ"} {
		if bytes[b] != want {
			t.Errorf("byte %#x is %q, want %q", b, bytes[b], want)
		}
	}
}

// unpack reads what the quantizers wrote, by ggml-quants.c's own formulas.
func unpack(t *testing.T, b []byte, typ gguf.Type, n int) []float64 {
	t.Helper()
	half := func(at int) float64 {
		return float64(float16.Frombits(binary.LittleEndian.Uint16(b[at:])).Float32())
	}
	out := make([]float64, n)
	switch typ {
	case gguf.F32:
		for i := range out {
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
		}
	case gguf.F16:
		for i := range out {
			out[i] = half(2 * i)
		}
	case gguf.Q8_0:
		for i := range out {
			at := i / 32 * 34
			out[i] = half(at) * float64(int8(b[at+2+i%32]))
		}
	case gguf.Q4_0:
		for i := range out {
			at := i / 32 * 18
			q := b[at+2+i%16] >> (i % 32 / 16 * 4) & 15
			out[i] = half(at) * (float64(q) - 8)
		}
	case gguf.Q4_K:
		for i := range out {
			at := i / 256 * 144
			s := b[at+4 : at+16]
			run, j := i%256/32, i%32
			var scale, low byte // get_scale_min_k4
			if run < 4 {
				scale, low = s[run]&63, s[run+4]&63
			} else {
				scale = s[run+4]&15 | s[run-4]>>6<<4
				low = s[run+4]>>4 | s[run]>>6<<4
			}
			q := b[at+16+run/2*32+j] >> (run % 2 * 4) & 15
			out[i] = half(at)*float64(scale)*float64(q) - half(at+2)*float64(low)
		}
	}
	return out
}

// The seed makes the same numbers whatever they are stored as, so what the
// quantizers wrote can be compared with what they were given.
func TestQuantizers(t *testing.T) {
	o := tinymodel.Options{Width: 256, Layers: 1, Heads: 2, Tokens: 400}
	data := func(typ gguf.Type) []float64 {
		o.Weights = typ
		whole, f := encode(t, o)
		i := slices.IndexFunc(f.Tensors, func(t gguf.Tensor) bool { return t.Name == "blk.0.attn_q.weight" })
		tensor := f.Tensors[i]
		return unpack(t, whole[tensor.Offset:tensor.Offset+tensor.Size()], typ, int(tensor.Elements()))
	}
	exact := data(gguf.F32)
	spread := 0.0
	for _, x := range exact {
		spread += x * x
	}
	spread = math.Sqrt(spread / float64(len(exact)))
	if want := 1 / math.Sqrt(256); math.Abs(spread/want-1) > 0.02 {
		t.Errorf("weights spread by %v, want %v", spread, want)
	}
	// Uniform numbers of spread s reach from -1.73s to 1.73s: at most half a step
	// of 8 bits, of 4, and of 4 with scales of 6 bits.
	for typ, limit := range map[gguf.Type]float64{gguf.F16: 0.001, gguf.Q8_0: 0.008, gguf.Q4_0: 0.24, gguf.Q4_K: 0.17} {
		worst := 0.0
		for i, x := range data(typ) {
			worst = max(worst, math.Abs(x-exact[i]))
		}
		if worst/spread > limit {
			t.Errorf("%v: an error of %.4f of the spread, want at most %v", typ, worst/spread, limit)
		}
	}
}
