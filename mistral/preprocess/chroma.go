package preprocess

import (
	"image"
	"image/color"
)

// convertYCbCr converts a JPEG's colours as libjpeg does, and so as the reference
// does. It interpolates subsampled chroma from the two nearest samples, three parts
// to one ("fancy upsampling" in jdsample.c). Go's image package repeats samples
// instead, which differs by up to a quarter of the range at sharp edges. convertYCbCr
// returns nil for other subsampling ratios, which are rare.
func convertYCbCr(img *image.YCbCr) *image.RGBA {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	cb := plane{img.Cb, img.CStride, w, h}
	cr := plane{img.Cr, img.CStride, w, h}
	var upsample func(plane) []uint8
	switch img.SubsampleRatio {
	case image.YCbCrSubsampleRatio420:
		upsample = plane.doubleBoth
	case image.YCbCrSubsampleRatio422:
		upsample = plane.doubleWidth
	case image.YCbCrSubsampleRatio444:
		upsample = plane.copy
	default:
		return nil
	}
	blue, red := upsample(cb), upsample(cr)
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			i := y*w + x
			out.SetRGBA(x, y, rgb(img.Y[img.YOffset(b.Min.X+x, b.Min.Y+y)], blue[i], red[i]))
		}
	}
	return out
}

// rgb computes ycc_rgb_convert of jdcolor.c in 16-bit fixed point.
func rgb(y, cb, cr uint8) color.RGBA {
	const half = 1 << 15
	b, r := int(cb)-128, int(cr)-128
	clamp := func(v int) uint8 { return uint8(min(max(v, 0), 255)) }
	return color.RGBA{
		R: clamp(int(y) + (91881*r+half)>>16),
		G: clamp(int(y) + (-22554*b-46802*r+half)>>16),
		B: clamp(int(y) + (116130*b+half)>>16),
		A: 255,
	}
}

// A plane holds the samples of one chroma channel of an image of w×h pixels.
type plane struct {
	pix    []uint8
	stride int
	w, h   int
}

// copy returns the samples of a plane that is not subsampled.
func (p plane) copy() []uint8 {
	out := make([]uint8, 0, p.w*p.h)
	for y := range p.h {
		out = append(out, p.pix[y*p.stride:][:p.w]...)
	}
	return out
}

// doubleWidth computes libjpeg's h2v1_fancy_upsample.
func (p plane) doubleWidth() []uint8 {
	out := make([]uint8, p.w*p.h)
	n := (p.w + 1) / 2
	for y := range p.h {
		in, to := p.pix[y*p.stride:][:n], out[y*p.w:][:p.w]
		for x := range to {
			c := int(in[x/2])
			if side := x/2 - 1 + 2*(x%2); side < 0 || side >= n {
				to[x] = uint8(c)
			} else {
				to[x] = uint8((3*c + int(in[side]) + 1 + x%2) >> 2)
			}
		}
	}
	return out
}

// doubleBoth computes libjpeg's h2v2_fancy_upsample.
func (p plane) doubleBoth() []uint8 {
	out := make([]uint8, p.w*p.h)
	n, rows := (p.w+1)/2, (p.h+1)/2
	sums := make([]int, n)
	for y := range p.h {
		near := p.pix[y/2*p.stride:][:n]
		far := p.pix[min(max(y/2-1+2*(y%2), 0), rows-1)*p.stride:][:n]
		for x := range sums {
			sums[x] = 3*int(near[x]) + int(far[x])
		}
		to := out[y*p.w:][:p.w]
		for x := range to {
			c := sums[x/2]
			side := c
			if s := x/2 - 1 + 2*(x%2); s >= 0 && s < n {
				side = sums[s]
			}
			to[x] = uint8((3*c + side + 8 - x%2) >> 4)
		}
	}
	return out
}
