package convert

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/safetensors"
)

var le = binary.LittleEndian

// decoders read the numeric types of weights, FP8 without its scale.
var decoders = map[safetensors.Type]func(dst []float32, src []byte){
	safetensors.F32: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(src[4*i:]))
		}
	},
	safetensors.F16: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = float16(le.Uint16(src[2*i:]))
		}
	},
	safetensors.BF16: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(le.Uint16(src[2*i:])) << 16)
		}
	},
	safetensors.F8E4M3: func(dst []float32, src []byte) {
		for i := range dst {
			dst[i] = float8[src[i]]
		}
	},
}

// float8 are the numbers of F8_E4M3: a sign, four bits of exponent with a bias of
// 7, and three of mantissa. Of all patterns only 0x7f and 0xff are not a number.
var float8 = func() (of [256]float32) {
	for b := range of {
		exponent, mantissa := b>>3&15, float64(b&7)
		v := math.Ldexp(1+mantissa/8, exponent-7)
		if exponent == 0 {
			v = math.Ldexp(mantissa/8, -6)
		}
		if b&0x7f == 0x7f {
			v = math.NaN()
		}
		if b&0x80 != 0 {
			v = -v
		}
		of[b] = float32(v)
	}
	return of
}()

func float16(h uint16) float32 {
	sign, exponent, mantissa := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&0x3ff)
	switch exponent {
	case 0: // too small for the exponent, or zero: exact, since float32 reaches further
		v := float32(mantissa) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		exponent = 255 - 112
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | mantissa<<13)
}

// toFloat16 rounds to the nearest half, ties to even, as ggml does. Numbers from
// 65520 on become infinite.
func toFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	sign, abs := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case abs > 0x7f800000:
		return sign | 0x7e00
	case abs >= 0x477ff000: // 65520
		return sign | 0x7c00
	case abs < 0x38800000: // 2⁻¹⁴: adding a half aligns the bits that stay, and rounds
		return sign | uint16(math.Float32bits(math.Float32frombits(abs)+0.5)-math.Float32bits(0.5))
	}
	return sign | uint16((abs+0xfff+abs>>13&1-112<<23)>>13)
}

// halves has all BF16 numbers as F16: three times as fast as computing them.
var halves = sync.OnceValue(func() *[1 << 16]uint16 {
	var of [1 << 16]uint16
	for b := range of {
		of[b] = toFloat16(math.Float32frombits(uint32(b) << 16))
	}
	return &of
})

func toHalves(dst, src []byte) {
	of := halves()
	for ; len(src) >= 2 && len(dst) >= 2; dst, src = dst[2:], src[2:] {
		le.PutUint16(dst, of[le.Uint16(src)])
	}
}

// toBFloat16 rounds to the nearest, ties to even: ggml_compute_fp32_to_bf16.
func toBFloat16(f float32) uint16 {
	b := math.Float32bits(f)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// encoders write finite numbers; for Q8_0 a multiple of 32.
var encoders = map[gguf.Type]func(dst []byte, src []float32){
	gguf.F32: func(dst []byte, src []float32) {
		for i, f := range src {
			le.PutUint32(dst[4*i:], math.Float32bits(f))
		}
	},
	gguf.F16: func(dst []byte, src []float32) {
		for i, f := range src {
			le.PutUint16(dst[2*i:], toFloat16(f))
		}
	},
	gguf.BF16: func(dst []byte, src []float32) {
		for i, f := range src {
			le.PutUint16(dst[2*i:], toBFloat16(f))
		}
	},
	gguf.Q8_0: quantize8,
}

// quantize8 is exactly quantize_row_q8_0_ref of ggml-quants.c: a half for the scale, then 32
// bytes.
func quantize8(dst []byte, src []float32) {
	for len(src) >= 32 {
		block := (*[32]float32)(src)
		var top uint32 // the bits of absolute values are in the order of their size
		for _, f := range block {
			top = max(top, math.Float32bits(f)&0x7fffffff)
		}
		d := math.Float32frombits(top) / 127
		var inverse float32
		if d != 0 {
			inverse = 1 / d
		}
		le.PutUint16(dst, toFloat16(d))
		out := (*[32]byte)(dst[2:])
		for i, f := range block {
			// roundf: halves away from zero. The largest number below a half is
			// added, since a half would carry 0.49999997 to one.
			v := float32(f * inverse) // rounded here, not fused with the addition
			half := math.Float32frombits(0x3effffff | math.Float32bits(v)&0x80000000)
			out[i] = byte(int8(int32(v + half)))
		}
		src, dst = src[32:], dst[34:]
	}
}

// finite reports whether all numbers are finite, eight bytes at a time: only an exponent of
// ones carries over.
func finite(t safetensors.Type, b []byte) bool {
	var mask, one, carry uint64
	switch t {
	case safetensors.F32:
		mask, one, carry = 0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000
	case safetensors.BF16:
		mask, one, carry = 0x7f807f80_7f807f80, 0x00800080_00800080, 0x80008000_80008000
	case safetensors.F16:
		mask, one, carry = 0x7c007c00_7c007c00, 0x04000400_04000400, 0x80008000_80008000
	case safetensors.F8E4M3:
		mask, one, carry = 0x7f7f7f7f_7f7f7f7f, 0x01010101_01010101, 0x80808080_80808080
	}
	var seen uint64
	for len(b) >= 32 {
		seen |= le.Uint64(b)&mask + one
		seen |= le.Uint64(b[8:])&mask + one
		seen |= le.Uint64(b[16:])&mask + one
		seen |= le.Uint64(b[24:])&mask + one
		b = b[32:]
	}
	for len(b) >= 8 {
		seen |= le.Uint64(b)&mask + one
		b = b[8:]
	}
	var rest [8]byte
	copy(rest[:], b)
	seen |= le.Uint64(rest[:])&mask + one
	return seen&carry == 0
}

func firstNonFinite(t safetensors.Type, b []byte) string {
	size := int(t.Size())
	var v [1]float32
	for i := 0; i < len(b)/size; i++ {
		decoders[t](v[:], b[i*size:])
		if f := float64(v[0]); math.IsNaN(f) {
			return fmt.Sprintf("NaN as number %d", i)
		} else if math.IsInf(f, 0) {
			return fmt.Sprintf("%v as number %d", f, i)
		}
	}
	return ""
}

// A Type is the type of the result's matrices. Vectors are F32.
type Type string

const (
	// Stored is the type of the original weights; FP8 becomes BF16.
	Stored Type = ""
	F32    Type = "f32"
	F16    Type = "f16"
	BF16   Type = "bf16"
	Q8_0   Type = "q8_0"
)

// tensorTypes are the types in GGUF, and their general.file_type.
var tensorTypes = map[Type]struct {
	tensor gguf.Type
	file   gguf.FileType
}{F32: {gguf.F32, 0}, F16: {gguf.F16, 1}, BF16: {gguf.BF16, 32}, Q8_0: {gguf.Q8_0, 7}}

// sameType are the types that are the same in both formats.
var sameType = map[gguf.Type]safetensors.Type{gguf.F32: safetensors.F32, gguf.F16: safetensors.F16, gguf.BF16: safetensors.BF16}
