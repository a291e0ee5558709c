package tinymodel

import (
	"encoding/binary"
	"math"

	"github.com/x448/float16"

	"github.com/bise-sh/bise/gguf"
)

// pack appends a row in the layout of a tensor type (ggml-common.h). The
// quantizers are the plain ones: random weights have nothing to gain from a
// search for better scales.
func pack(b []byte, row []float32, t gguf.Type) []byte {
	block, _ := t.Block()
	switch t {
	case gguf.F32:
		for _, x := range row {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
	case gguf.F16:
		for _, x := range row {
			b = half(b, x)
		}
	case gguf.Q8_0:
		for ; len(row) > 0; row = row[block:] {
			b = packQ8(b, row[:block])
		}
	case gguf.Q4_0:
		for ; len(row) > 0; row = row[block:] {
			b = packQ4(b, row[:block])
		}
	case gguf.Q4_K:
		for ; len(row) > 0; row = row[block:] {
			b = packQ4K(b, row[:block])
		}
	}
	return b
}

func half(b []byte, x float32) []byte {
	return binary.LittleEndian.AppendUint16(b, float16.Fromfloat32(x).Bits())
}

// packQ8 appends a scale and 32 signed bytes.
func packQ8(b []byte, x []float32) []byte {
	var top float32
	for _, v := range x {
		top = max(top, abs(v))
	}
	d := top / 127
	b = half(b, d)
	for _, v := range x {
		b = append(b, byte(int8(math.Round(float64(v*inverse(d))))))
	}
	return b
}

// packQ4 appends a scale and 32 numbers from -8 to 7, shifted by 8: the first
// half in the low nibbles, the second in the high ones.
func packQ4(b []byte, x []float32) []byte {
	var far float32 // the number farthest from 0 becomes -8
	for _, v := range x {
		if abs(v) > abs(far) {
			far = v
		}
	}
	d := far / -8
	q := func(v float32) byte { return byte(min(15, v*inverse(d)+8.5)) }
	b = half(b, d)
	for i := range 16 {
		b = append(b, q(x[i])|q(x[i+16])<<4)
	}
	return b
}

// packQ4K appends a block of 256 numbers: eight runs of 32, each number being
// d·scale·q − dmin·low with 4 bits of q and 6 bits of scale and low a run.
func packQ4K(b []byte, x []float32) []byte {
	var scale, low [8]float32
	var topScale, topLow float32
	for i := range 8 {
		lo, hi := float32(0), float32(0)
		for _, v := range x[32*i : 32*i+32] {
			lo, hi = min(lo, v), max(hi, v)
		}
		scale[i], low[i] = (hi-lo)/15, -lo
		topScale, topLow = max(topScale, scale[i]), max(topLow, low[i])
	}
	d, dmin := topScale/63, topLow/63
	var s, m [8]byte
	for i := range 8 {
		s[i] = byte(scale[i]*inverse(d) + 0.5)
		m[i] = byte(low[i]*inverse(dmin) + 0.5)
	}
	b = half(half(b, d), dmin)
	// Runs 0 to 3 have their six bits in bytes 0 to 7; runs 4 to 7 have four of
	// them in bytes 8 to 11 and two on top of those bytes.
	for i := range 4 {
		b = append(b, s[i]|s[i+4]>>4<<6)
	}
	for i := range 4 {
		b = append(b, m[i]|m[i+4]>>4<<6)
	}
	for i := range 4 {
		b = append(b, s[i+4]&15|m[i+4]&15<<4)
	}
	q := func(run, i int) byte {
		v := (x[32*run+i] + dmin*float32(m[run])) * inverse(d*float32(s[run]))
		return byte(max(0, min(15, v+0.5)))
	}
	for run := 0; run < 8; run += 2 {
		for i := range 32 {
			b = append(b, q(run, i)|q(run+1, i)<<4)
		}
	}
	return b
}

func abs(v float32) float32 { return max(v, -v) }

// inverse is 1/d, and 0 for the scale of numbers that are all zero.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}
