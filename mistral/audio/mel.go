package audio

import (
	"context"
	"math"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

const (
	fftSize   = 400 // samples of a frame
	hop       = 160 // samples between frames
	fftBins   = fftSize/2 + 1
	melFrames = Window / hop
)

// Mel returns the mel spectrogram of audio, one for each window: bins rows of 3,000 frames,
// row by row. It is that of Whisper, computed over the whole audio: the loudest frame decides
// what counts as silence. samples are mono at [Rate] from -1 to 1, and are padded with
// silence.
func Mel(ctx context.Context, samples []float32, bins, windows int) ([][]float32, error) {
	filters := melFilters(bins)
	tables := fftTables()
	out := make([][]float32, windows)
	loudest := make([]float32, windows)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for w := range windows {
		g.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			out[w], loudest[w] = melWindow(samples, w, windows*Window, filters, tables)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	top := float32(math.Inf(-1))
	for _, v := range loudest {
		top = max(top, v)
	}
	for _, mel := range out {
		for i, v := range mel {
			mel[i] = (max(v, top-8) + 4) / 4
		}
	}
	return out, nil
}

// melWindow returns the logarithms of a window's spectrogram, and the largest of them.
func melWindow(samples []float32, window, total int, filters []melFilter, t *fftTable) (mel []float32, top float32) {
	mel = make([]float32, len(filters)*melFrames)
	top = float32(math.Inf(-1))
	// The signal is mirrored at its ends.
	at := func(i int) float64 {
		if i < 0 {
			i = -i
		}
		if i >= total {
			i = 2*(total-1) - i
		}
		if i >= len(samples) {
			return 0
		}
		return float64(samples[i])
	}
	frame := make([]complex128, fftSize)
	spectrum := make([]complex128, fftSize)
	var power [fftBins]float64
	for f := range melFrames {
		begin := window*Window + f*hop - fftSize/2
		silent := true
		for i := range frame {
			v := at(begin+i) * t.hann[i]
			silent = silent && v == 0
			frame[i] = complex(v, 0)
		}
		clear(power[:])
		if !silent {
			t.transform(spectrum, frame, fftSize, 1)
			for i := range power {
				re, im := real(spectrum[i]), imag(spectrum[i])
				power[i] = re*re + im*im
			}
		}
		for b := range filters {
			sum := 0.0
			for i, w := range filters[b].weights {
				sum += w * power[filters[b].first+i]
			}
			v := float32(math.Log10(max(sum, 1e-10)))
			mel[b*melFrames+f] = v
			top = max(top, v)
		}
	}
	return mel, top
}

// An fftTable has what transforms of fftSize numbers need.
type fftTable struct {
	hann  [fftSize]float64
	roots [fftSize]complex128
}

var fftTables = sync.OnceValue(func() *fftTable {
	t := &fftTable{}
	for i := range fftSize {
		angle := 2 * math.Pi * float64(i) / fftSize
		t.hann[i] = 0.5 * (1 - math.Cos(angle))
		sin, cos := math.Sincos(angle)
		t.roots[i] = complex(cos, -sin)
	}
	return t
})

// transform computes the discrete Fourier transform of n numbers of in, stride apart.
func (t *fftTable) transform(out, in []complex128, n, stride int) {
	if n%2 == 1 {
		for k := range n {
			var sum complex128
			for i := range n {
				sum += in[i*stride] * t.roots[k*i%n*(fftSize/n)]
			}
			out[k] = sum
		}
		return
	}
	half := n / 2
	t.transform(out[:half], in, half, 2*stride)
	t.transform(out[half:n], in[stride:], half, 2*stride)
	for k := range half {
		odd := out[half+k] * t.roots[k*(fftSize/n)]
		out[k], out[half+k] = out[k]+odd, out[k]-odd
	}
}

// A melFilter is a triangle over the bins of a spectrum.
type melFilter struct {
	first   int
	weights []float64
}

// melFilters returns filters on Slaney's scale with equal areas, up to half of [Rate].
func melFilters(n int) []melFilter {
	const linear, corner = 200.0 / 3, 1000.0 // Hz for each mel; where the scale becomes logarithmic
	step := math.Log(6.4) / 27
	toMel := func(hz float64) float64 {
		if hz < corner {
			return hz / linear
		}
		return corner/linear + math.Log(hz/corner)/step
	}
	toHz := func(mel float64) float64 {
		if mel < corner/linear {
			return mel * linear
		}
		return corner * math.Exp(step*(mel-corner/linear))
	}
	edges := make([]float64, n+2)
	for i := range edges {
		edges[i] = toHz(toMel(Rate/2) * float64(i) / float64(n+1))
	}
	filters := make([]melFilter, n)
	for m := range filters {
		lo, mid, hi := edges[m], edges[m+1], edges[m+2]
		for i := range fftBins {
			hz := float64(i) * Rate / fftSize
			w := min((hz-lo)/(mid-lo), (hi-hz)/(hi-mid)) * 2 / (hi - lo)
			if w <= 0 {
				continue
			}
			if filters[m].weights == nil {
				filters[m].first = i
			}
			filters[m].weights = append(filters[m].weights, w)
		}
	}
	return filters
}
