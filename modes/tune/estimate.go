package tune

import (
	"time"

	"github.com/bise-sh/bise/gguf"
)

// An Estimate is what a training takes on a CPU, roughly.
type Estimate struct {
	Steps    int   `json:"steps"`
	Memory   int64 `json:"memory"`  // bytes
	Adapter  int64 `json:"adapter"` // bytes of the installed file, in F16
	Seconds  Range `json:"seconds"`
	Weights  int64 `json:"weights"` // bytes of the weights in the memory
	Computed int64 `json:"computed_tokens"`
}

// A Range is between two values.
type Range struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Operations a second of a CPU core in F32: with few vector units, and with many. Both are
// rough.
const slowCore, fastCore = 10e9, 80e9

// EstimateFor estimates the training of the model in file for n sequences of mean tokens.
func EstimateFor(file *gguf.File, s Settings, n int, tokens int64, longest, cores int) Estimate {
	sum := file.Summary()
	layers, width := int64(sum.Blocks), int64(sum.Width)
	parameters := int64(sum.Parameters)
	hidden, ok := file.Metadata.Uint(sum.Architecture + ".feed_forward_length")
	if !ok || hidden > 1<<20 {
		hidden = uint64(4 * width)
	}
	// Query and output, key and value (smaller with grouped heads), and the MLP.
	adapter := layers * int64(s.Rank) * (2*2*width + 2*2*width + 3*(width+int64(hidden)))
	e := Estimate{Steps: s.StepsFor(n), Adapter: adapter * 2, Weights: parameters * 4}
	row := int64(min(s.SequenceLength, max(longest, longest*s.Batch)))
	perLayer := 14*width + 4*int64(hidden)
	if s.Checkpointing {
		e.Memory = row * 4 * (layers*width + perLayer)
	} else {
		e.Memory = row * 4 * layers * perLayer
	}
	vocabulary := int64(sum.Vocabulary)
	e.Memory += e.Weights + adapter*4*4 + row*vocabulary*4*2 + row*row*4 + 500<<20
	mean := float64(tokens) / float64(max(1, n))
	e.Computed = int64(float64(e.Steps*s.Batch) * mean)
	// Forward and backward through frozen weights take four operations for each
	// parameter, recomputing the layers two more.
	work := 4.0
	if s.Checkpointing {
		work = 6
	}
	operations := work * float64(parameters) * float64(e.Computed)
	e.Seconds = Range{operations / (fastCore * float64(cores)), operations / (slowCore * float64(cores))}
	return e
}

// Duration is a bound of the range as a time.
func Duration(seconds float64) time.Duration {
	return time.Duration(min(seconds, 1e9) * float64(time.Second))
}
