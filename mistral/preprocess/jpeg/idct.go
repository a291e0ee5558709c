package jpeg

const blockSize = 8 * 8

// block is the values of 8×8 pixels, row by row, or their coefficients.
type block [blockSize]int32

// idct is the slow integer transform of libjpeg, jpeg_idct_islow of jidctint.c,
// the default there: Loeffler, Ligtenberg and Moschytz's with 12 multiplications,
// in fixed point of 13 bits, two bits of which are kept between the passes. libjpeg-turbo's
// vector code computes the same bits.
func idct(b *block) {
	for i := range 8 {
		transform(b[i:], 8, fixBits-passBits)
	}
	for i := range 8 {
		transform(b[8*i:], 1, fixBits+passBits+3)
	}
}

const (
	fixBits  = 13
	passBits = 2
)

// Multiples of 1<<fixBits.
const (
	fix0298631336 = 2446
	fix0390180644 = 3196
	fix0541196100 = 4433
	fix0765366865 = 6270
	fix0899976223 = 7373
	fix1175875602 = 9633
	fix1501321110 = 12299
	fix1847759065 = 15137
	fix1961570560 = 16069
	fix2053119869 = 16819
	fix2562915447 = 20995
	fix3072711026 = 25172
)

// transform is one pass over the eight values at b[0], b[step], …, which are
// divided by 1<<shift in the end.
func transform(b []int32, step, shift int) {
	in := func(i int) int32 { return b[i*step] }

	// The even part.
	z := (in(2) + in(6)) * fix0541196100
	e2 := z - in(6)*fix1847759065
	e3 := z + in(2)*fix0765366865
	e0 := (in(0) + in(4)) << fixBits
	e1 := (in(0) - in(4)) << fixBits
	even := [4]int32{e0 + e3, e1 + e2, e1 - e2, e0 - e3}

	// The odd part.
	o0, o1, o2, o3 := in(7), in(5), in(3), in(1)
	z1, z2, z3, z4 := o0+o3, o1+o2, o0+o2, o1+o3
	z5 := (z3 + z4) * fix1175875602
	z1 *= -fix0899976223
	z2 *= -fix2562915447
	z3 = z5 - z3*fix1961570560
	z4 = z5 - z4*fix0390180644
	odd := [4]int32{
		o3*fix1501321110 + z1 + z4,
		o2*fix3072711026 + z2 + z3,
		o1*fix2053119869 + z2 + z4,
		o0*fix0298631336 + z1 + z3,
	}

	half := int32(1) << (shift - 1)
	for i := range 4 {
		b[i*step] = (even[i] + odd[i] + half) >> shift
		b[(7-i)*step] = (even[i] - odd[i] + half) >> shift
	}
}
