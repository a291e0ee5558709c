package audio

import "math"

// A Resampler changes the sample rate of mono audio to [Rate].
type Resampler struct {
	from   int     // Hz
	step   float64 // samples of the input for one of the output
	reach  int     // samples of the input on each side of one of the output
	table  []float64
	input  []float32 // what later samples of the output need
	origin int64     // of input[0]
	next   int64     // sample of the output
	out    []float32
	limit  int
}

const (
	zeros     = 24  // zero crossings of the filter on each side
	precision = 256 // entries of the table for each zero crossing
)

// NewResampler returns a resampler of audio of a rate in Hz. Its output has at most limit
// samples.
func NewResampler(rate, limit int) *Resampler {
	r := &Resampler{from: rate, step: float64(rate) / Rate, limit: limit}
	r.reach = int(math.Ceil(zeros*max(1, r.step))) + 1
	r.table = make([]float64, zeros*precision+2)
	for i := range r.table {
		x := float64(i) / precision
		sinc := 1.0
		if x > 0 {
			sinc = math.Sin(math.Pi*x) / (math.Pi * x)
		}
		// Blackman's window.
		angle := math.Pi * min(x/zeros, 1)
		r.table[i] = sinc * (0.42 + 0.5*math.Cos(angle) + 0.08*math.Cos(2*angle))
	}
	r.input = make([]float32, r.reach) // silence before the first sample
	r.origin = -int64(r.reach)
	return r
}

// Add takes the next samples.
func (r *Resampler) Add(samples []float32) {
	if r.from == Rate {
		r.out = append(r.out, samples[:min(len(samples), r.limit-len(r.out))]...)
		return
	}
	r.input = append(r.input, samples...)
	r.produce()
}

// Samples ends the audio and returns it in [Rate].
func (r *Resampler) Samples() []float32 {
	if r.from != Rate {
		n := (r.origin + int64(len(r.input))) * Rate / int64(r.from)
		r.input = append(r.input, make([]float32, 2*r.reach)...)
		r.limit = min(r.limit, int(n))
		r.produce()
	}
	return r.out[:min(len(r.out), r.limit)]
}

func (r *Resampler) produce() {
	scale := min(1, 1/r.step) * 0.97 // of the highest frequency, below half of either rate
	for len(r.out) < r.limit {
		center := float64(r.next) * r.step
		first := int64(math.Floor(center)) - int64(r.reach) + 1
		last := first + 2*int64(r.reach) - 1
		if last >= r.origin+int64(len(r.input)) {
			break
		}
		sum := 0.0
		for i := max(first, r.origin); i <= last; i++ {
			x := math.Abs(center-float64(i)) * scale * precision
			k := int(x)
			if k >= zeros*precision {
				continue
			}
			sum += float64(r.input[i-r.origin]) * (r.table[k] + (r.table[k+1]-r.table[k])*(x-float64(k)))
		}
		r.out = append(r.out, float32(sum*scale))
		r.next++
	}
	// What no later sample needs is dropped now and then.
	if drop := int64(math.Floor(float64(r.next)*r.step)) - int64(r.reach) - r.origin; drop > 1<<16 {
		r.input = append(r.input[:0], r.input[drop:]...)
		r.origin += drop
	}
}
