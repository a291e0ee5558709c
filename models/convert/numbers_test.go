package convert

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/safetensors"
)

// half reads an IEEE half by its definition.
func half(h uint16) float64 {
	sign := 1.0
	if h&0x8000 != 0 {
		sign = -1
	}
	exponent, mantissa := int(h>>10&31), float64(h&0x3ff)
	switch exponent {
	case 0:
		return sign * math.Ldexp(mantissa, -24)
	case 31:
		if mantissa != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+mantissa, exponent-25)
}

func TestFloat16(t *testing.T) {
	for h := range 1 << 16 {
		want, got := half(uint16(h)), float16(uint16(h))
		if math.IsNaN(want) {
			if got == got {
				t.Fatalf("%#x reads as %v", h, got)
			}
			continue
		}
		if float64(got) != want || math.Signbit(float64(got)) != math.Signbit(want) {
			t.Fatalf("%#x reads as %v, want %v", h, got, want)
		}
		if back := toFloat16(got); back != uint16(h) {
			t.Fatalf("%v writes as %#x, want %#x", got, back, h)
		}
		// Between two neighbours the nearer is taken, half way the even one.
		next := half(uint16(h + 1))
		if h&0x7fff >= 0x7bff || math.IsInf(next, 0) || math.IsNaN(next) {
			continue
		}
		middle := float32((want + next) / 2)
		even := uint16(h + h&1)
		for _, x := range []struct {
			f    float32
			want uint16
		}{
			{middle, even},
			{math.Nextafter32(middle, float32(want)), uint16(h)},
			{math.Nextafter32(middle, float32(next)), uint16(h + 1)},
		} {
			if got := toFloat16(x.f); got != x.want {
				t.Fatalf("%v writes as %#x, want %#x", x.f, got, x.want)
			}
		}
	}
	for f, want := range map[float32]uint16{65519.996: 0x7bff, 65520: 0x7c00, 1e30: 0x7c00, -65520: 0xfc00, 1e-30: 0, float32(math.Inf(1)): 0x7c00} {
		if got := toFloat16(f); got != want {
			t.Errorf("%v writes as %#x, want %#x", f, got, want)
		}
	}
}

func TestBFloat16(t *testing.T) {
	for bits, want := range map[uint32]uint16{
		0x3f800000: 0x3f80, 0x3f808000: 0x3f80, 0x3f808001: 0x3f81, 0x3f818000: 0x3f82, 0x3f817fff: 0x3f81, 0xbf818000: 0xbf82, 0x7f7fffff: 0x7f80, 0x00000001: 0,
	} {
		if got := toBFloat16(math.Float32frombits(bits)); got != want {
			t.Errorf("%#x writes as %#x, want %#x", bits, got, want)
		}
	}
}

func TestFloat8(t *testing.T) {
	for b, want := range map[byte]float32{0: 0, 1: 1.0 / 512, 7: 7.0 / 512, 8: 1.0 / 64, 0x38: 1, 0x39: 1.125, 0x7e: 448, 0xfe: -448, 0xb8: -1} {
		if got := float8[b]; got != want {
			t.Errorf("%#x reads as %v, want %v", b, got, want)
		}
	}
	for _, b := range []byte{0x7f, 0xff} {
		if float8[b] == float8[b] {
			t.Errorf("%#x is a number", b)
		}
	}
}

// reference is quantize_row_q8_0_ref of ggml-quants.c, word by word.
func reference(x []float32) (out []byte) {
	for i := 0; i < len(x); i += 32 {
		amax := float32(0)
		for _, v := range x[i : i+32] {
			amax = max(amax, float32(math.Abs(float64(v))))
		}
		d := amax / ((1 << 7) - 1)
		id := float32(0)
		if d != 0 {
			id = 1 / d
		}
		out = le.AppendUint16(out, toFloat16(d))
		for _, v := range x[i : i+32] {
			x0 := float32(v * id)
			out = append(out, byte(int8(math.Round(float64(x0)))))
		}
	}
	return out
}

func TestQuantize8(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, 32*4096)
	for i := range x {
		switch block := i / 32 % 8; {
		case block == 0:
			x[i] = 0
		case block == 1: // halves, and their neighbours
			x[i] = float32(r.IntN(255)-127) / 2
			if r.IntN(2) == 0 {
				x[i] = math.Nextafter32(x[i], 0)
			}
			if i%32 == 0 {
				x[i] = 127
			}
		case block == 2:
			x[i] = float32(r.NormFloat64()) * 1e-39
		default:
			x[i] = float32(r.NormFloat64() * math.Pow(10, float64(r.IntN(8)-4)))
		}
	}
	got := make([]byte, len(x)/32*34)
	quantize8(got, x)
	if want := reference(x); !bytes.Equal(got, want) {
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("byte %d of block %d is %d, want %d: %v", i%34, i/34, got[i], want[i], x[i/34*32:i/34*32+32])
			}
		}
	}
}

func TestFinite(t *testing.T) {
	odd := map[safetensors.Type][][]byte{
		safetensors.F32:    {{0, 0, 0x80, 0x7f}, {1, 0, 0x80, 0xff}, {0, 0, 0xc0, 0x7f}},
		safetensors.BF16:   {{0x80, 0x7f}, {0x80, 0xff}, {0xc1, 0x7f}},
		safetensors.F16:    {{0, 0x7c}, {0, 0xfc}, {1, 0x7e}},
		safetensors.F8E4M3: {{0x7f}, {0xff}},
	}
	fine := map[safetensors.Type][]byte{
		safetensors.F32: {0xff, 0xff, 0x7f, 0x7f}, safetensors.BF16: {0x7f, 0xff}, safetensors.F16: {0xff, 0xfb}, safetensors.F8E4M3: {0xfe},
	}
	for kind, patterns := range odd {
		size := int(kind.Size())
		for n := 1; n < 40; n++ { // every length after the blocks
			good := bytes.Repeat(fine[kind], n)
			if !finite(kind, good) || firstNonFinite(kind, good) != "" {
				t.Fatalf("%s: the largest number is called infinite, among %d", kind, n)
			}
			for at := range n {
				for _, p := range patterns {
					bad := bytes.Clone(good)
					copy(bad[at*size:], p)
					if finite(kind, bad) || firstNonFinite(kind, bad) == "" {
						t.Fatalf("%s: % x was not found at %d of %d", kind, p, at, n)
					}
				}
			}
		}
	}
}

func BenchmarkFinite(b *testing.B) {
	data := make([]byte, chunkBytes)
	b.SetBytes(chunkBytes)
	for b.Loop() {
		if !finite(safetensors.BF16, data) {
			b.Fatal()
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	src := random("bench", 1024, 1024)
	for kind := range encoders {
		b.Run(kind.String(), func(b *testing.B) {
			block, size := kind.Block()
			out := make([]byte, int(src.elements())/block*size)
			var buf buffers
			j := job{o: &output{Tensor: gguf.Tensor{Type: kind}}, p: &part{source: &source{Tensor: safetensors.Tensor{Type: safetensors.BF16}}, scale: 1}}
			b.SetBytes(int64(len(src.data)))
			for b.Loop() {
				if err := buf.encode(out, src.data, j); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
