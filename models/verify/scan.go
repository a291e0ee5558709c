package verify

import (
	"encoding/binary"
	"math"

	"github.com/bise-sh/bise/gguf"
)

// scaleOffsets are the offsets of a block's float16 scales: the structs of ggml-common.h.
var scaleOffsets = map[gguf.Type][]int{
	gguf.Q4_0: {0}, gguf.Q4_1: {0, 2}, gguf.Q5_0: {0}, gguf.Q5_1: {0, 2}, gguf.Q8_0: {0}, gguf.Q8_1: {0, 2},
	gguf.Q2_K: {80, 82}, gguf.Q3_K: {108}, gguf.Q4_K: {0, 2}, gguf.Q5_K: {0, 2}, gguf.Q6_K: {208},
	gguf.TQ1_0: {52}, gguf.TQ2_0: {64},
	gguf.IQ1_S: {0}, gguf.IQ2_XXS: {0}, gguf.IQ2_XS: {0}, gguf.IQ2_S: {0},
	gguf.IQ3_XXS: {0}, gguf.IQ3_S: {0}, gguf.IQ4_NL: {0}, gguf.IQ4_XS: {0},
}

// nonFinite counts NaNs and infinities in blocks of a tensor.
type nonFinite struct {
	nan, inf int64 // numbers, or scales of blocks
	first    int64 // the first block that has one
}

func (f *nonFinite) add(block int, nan bool) {
	if f.nan+f.inf == 0 {
		f.first = int64(block)
	}
	if nan {
		f.nan++
	} else {
		f.inf++
	}
}

func scan(t gguf.Type, data []byte) nonFinite {
	switch t {
	case gguf.F32:
		return scan32(data)
	case gguf.F16:
		return scan16(data, 0x7C00)
	case gguf.BF16:
		return scan16(data, 0x7F80)
	case gguf.F64:
		return scan64(data)
	}
	return scanBlocks(t, data)
}

// An infinity has all bits of the exponent set and none of the fraction; a NaN
// has both. Most numbers pass with one comparison.

func scan32(data []byte) (f nonFinite) {
	const exponent = 0xFF << 23
	for i := 0; i+4 <= len(data); i += 4 {
		if v := binary.LittleEndian.Uint32(data[i:]); v&exponent == exponent {
			f.add(i/4, v&(1<<23-1) != 0)
		}
	}
	return f
}

func scan16(data []byte, exponent uint16) (f nonFinite) {
	for i := 0; i+2 <= len(data); i += 2 {
		if v := binary.LittleEndian.Uint16(data[i:]); v&exponent == exponent {
			f.add(i/2, v&^(exponent|0x8000) != 0)
		}
	}
	return f
}

func scan64(data []byte) (f nonFinite) {
	for i := 0; i+8 <= len(data); i += 8 {
		v := math.Float64frombits(binary.LittleEndian.Uint64(data[i:]))
		if math.IsNaN(v) || math.IsInf(v, 0) {
			f.add(i/8, math.IsNaN(v))
		}
	}
	return f
}

func scanBlocks(t gguf.Type, data []byte) (f nonFinite) {
	_, size := t.Block()
	half := func(block int, v uint16) {
		if v&0x7C00 == 0x7C00 {
			f.add(block, v&0x03FF != 0)
		}
	}
	at := scaleOffsets[t]
	for i := 0; i+size <= len(data); i += size {
		b := data[i : i+size]
		for _, o := range at {
			half(i/size, binary.LittleEndian.Uint16(b[o:]))
		}
		switch t {
		case gguf.MXFP4:
			if b[0] == 0xFF { // an exponent alone, whose last value is NaN
				f.add(i/size, true)
			}
		case gguf.Q8_K:
			if v := binary.LittleEndian.Uint32(b); v&(0xFF<<23) == 0xFF<<23 {
				f.add(i/size, v&(1<<23-1) != 0)
			}
		case gguf.IQ1_M:
			// The scale is spread over the top bits of four others.
			var s [4]uint16
			for k := range s {
				s[k] = binary.LittleEndian.Uint16(b[48+2*k:])
			}
			half(i/size, s[0]>>12|s[1]>>8&0x00F0|s[2]>>4&0x0F00|s[3]&0xF000)
		}
	}
	return f
}
