// Package fit computes whether a machine can run a model, how much memory it needs, how
// much of that fits on a GPU, and how fast it decodes.
//
// The memory is within a tenth of what llama.cpp allocates, see package engine/footprint;
// a test of package cli compares them.
package fit

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/footprint"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/units"
)

// A Machine is the hardware to run a model on. Unknown values are zero.
type Machine struct {
	Cores     int      `json:"cores,omitempty"` // of the processor, physical
	Memory    int64    `json:"memory_bytes"`
	Free      int64    `json:"free_bytes"`       // available without swapping
	Bandwidth float64  `json:"bytes_per_second"` // of reads by the processor
	Busy      bool     `json:"busy,omitempty"`   // Bandwidth was only measured beside busy programs
	GPUs      []Device `json:"gpus"`
}

// A Device is a GPU.
type Device struct {
	Name  string `json:"name"`
	Total int64  `json:"total_bytes"`
	Free  int64  `json:"free_bytes"`
	// Unified is set if it uses the main memory.
	Unified bool `json:"unified,omitempty"`
}

// A Verdict is whether a model fits.
type Verdict string

const (
	Fits  Verdict = "fits"
	Tight Verdict = "tight" // it fits the machine, but not the free memory
	No    Verdict = "no"
)

// A Plan is the memory use of a model, in bytes unless noted.
type Plan struct {
	Type      string `json:"type"`
	Context   int    `json:"context"` // tokens
	Longest   int    `json:"longest"` // tokens of the longest context that fits; 0: none
	Weights   int64  `json:"weights_bytes"`
	Projector int64  `json:"projector_bytes"`
	KV        int64  `json:"kv_bytes"` // of the context, or the state of a model without attention
	Compute   int64  `json:"compute_bytes"`
	Need      int64  `json:"need_bytes"` // all of it
	// OnGPU is the part on GPUs, with Layers of all Blocks.
	OnGPU  int64 `json:"gpu_bytes"`
	Layers int   `json:"gpu_layers"`
	Blocks int   `json:"layers"`
	// Speed is the expected decode speed in tokens per second; 0: unknown, as with a GPU or
	// on a busy machine. Measured is what the model has reached; 0: it has not run here.
	Speed    float64 `json:"tokens_per_second"`
	Measured float64 `json:"measured_tokens_per_second,omitempty"`
	pace     float64 // like Speed, but of a busy machine too
	Verdict  Verdict `json:"verdict"`
	Rough    bool    `json:"rough,omitempty"` // only the weights are known
}

const (
	// spare is the memory that a tight plan leaves to other programs.
	spare = 1_000_000_000
	// margin is the memory that engine/llama leaves free on a GPU.
	margin = 1 << 30
	// bandwidthShare is the share of the memory's speed that decoding reaches on processors.
	bandwidthShare = 0.75
)

// Plan plans a model for a machine, with the context of the options or the default one.
func (m Model) Plan(h Machine, o engine.LoadOptions) Plan {
	f := footprint.Of(m.header, o)
	limit := cmp.Or(m.Limit, footprint.Context)
	context := min(limit, cmp.Or(o.Context, footprint.Context))
	p := Plan{
		Type: m.Type, Context: context, Projector: m.Projector, Rough: m.Rough,
		Weights: f.Weights, KV: f.KV(context) + f.State, Compute: f.Compute(context) + f.Output,
		Blocks: m.header.Summary().Blocks,
	}
	p.Need = f.At(context) + m.Projector
	m.place(&p, h, o)
	inRAM := p.Need - p.OnGPU
	room := h.Free
	switch {
	case inRAM <= h.Free:
		p.Verdict = Fits
	case inRAM <= h.Memory-spare:
		p.Verdict, room = Tight, h.Memory-spare
	default:
		p.Verdict, room = No, 0
	}
	if room > 0 {
		p.Longest = f.Longest(room-m.Projector+p.OnGPU, limit)
	}
	if p.Layers == 0 && h.Bandwidth > 0 {
		p.pace = h.Bandwidth * bandwidthShare / float64(m.bytesPerToken())
		if !h.Busy {
			p.Speed = p.pace
		}
	}
	return p
}

// place moves as many layers as fit to GPUs, the last ones first, as llama.cpp does.
func (m Model) place(p *Plan, h Machine, o engine.LoadOptions) {
	if len(h.GPUs) == 0 || o.GPULayers != nil && *o.GPULayers == 0 {
		return
	}
	most := p.Blocks
	if o.GPULayers != nil {
		most = min(most, *o.GPULayers)
	}
	layers, output := m.layers()
	share := int64(0)
	if p.Blocks > 0 {
		share = p.KV / int64(p.Blocks)
	}
	next := len(layers) - 1 // the layer to be placed
	for _, d := range h.GPUs {
		if d.Unified {
			// llama.cpp puts everything on the GPU, or nothing.
			if p.Need <= d.Free {
				p.Layers = most
			}
			return
		}
		room := d.Free - margin - p.Compute
		if p.Layers == 0 {
			room -= output
		}
		for next >= 0 && p.Layers < most && layers[next]+share <= room {
			room -= layers[next] + share
			p.OnGPU += layers[next] + share
			p.Layers++
			next--
		}
	}
	if p.Layers > 0 {
		p.OnGPU += output + p.Compute
	}
}

// layers returns the bytes of each layer, and of the output after the last.
func (m Model) layers() (layers []int64, output int64) {
	layers = make([]int64, m.header.Summary().Blocks)
	for _, t := range m.header.Tensors {
		if i, ok := layerOf(t); ok && i < len(layers) {
			layers[i] += t.Size()
		} else if strings.HasPrefix(t.Name, "output") {
			output += t.Size()
		}
	}
	return layers, output
}

func layerOf(t gguf.Tensor) (int, bool) {
	rest, ok := strings.CutPrefix(t.Name, "blk.")
	number, _, found := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return n, ok && found && err == nil && n >= 0
}

// bytesPerToken is how many bytes of weights are read to decode one token: all but the
// embedding, and only the used experts.
func (m Model) bytesPerToken() int64 {
	s := m.header.Summary()
	tied := !slices.ContainsFunc(m.header.Tensors, func(t gguf.Tensor) bool { return t.Name == "output.weight" })
	var n int64
	for _, t := range m.header.Tensors {
		switch {
		case t.Name == "token_embd.weight" && !tied:
		case strings.Contains(t.Name, "_exps.") && s.Experts > 0:
			n += t.Size() * int64(s.ExpertsUsed) / int64(s.Experts)
		default:
			n += t.Size()
		}
	}
	return max(1, n)
}

// ReadingSpeed is about as fast as most people read, in tokens per second.
const ReadingSpeed = 10

// qualities are the types to choose from, the best first. Q8_0 is as good as the original;
// below Q3_K_M the loss is obvious.
var qualities = []string{"Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M"}

// Best returns the plan with the best quality that fits and reaches ReadingSpeed. If there
// is none, it is that of the default type, or of the largest smaller type that fits. The
// model has unquantized weights.
func (m Model) Best(h Machine, o engine.LoadOptions) (Plan, error) {
	var usual *Plan
	for _, kind := range qualities {
		q, err := m.Quantized(kind)
		if err != nil {
			return Plan{}, err
		}
		p := q.Plan(h, o)
		fits := p.Verdict == Fits
		if fits && (p.pace == 0 || p.pace >= ReadingSpeed) {
			return p, nil
		}
		if kind == "Q4_K_M" || usual != nil && usual.Verdict != Fits && fits {
			usual = &p
		}
		if usual != nil && usual.Verdict == Fits {
			break // a smaller type is faster, but worse
		}
	}
	return *usual, nil
}

// Describe says whether the model fits, and how fast it is; best marks the recommended one.
func (p Plan) Describe(h Machine, best bool) string {
	if best {
		return p.DescribeAs(h, "best here")
	}
	return p.DescribeAs(h, "fits")
}

// DescribeAs is Describe with a word in place of "fits".
func (p Plan) DescribeAs(h Machine, word string) string {
	switch {
	case p.Verdict == No:
		return "too big: " + units.Size(p.Need)
	case p.Verdict == Tight:
		return fmt.Sprintf("tight: %s of %s", strings.TrimSuffix(units.Size(p.Need), " GB"), units.Size(h.Memory))
	}
	switch {
	case p.Layers > 0 && p.Layers == p.Blocks:
		word += ", on the GPU"
	case p.Layers > 0:
		word += fmt.Sprintf(", %d of %d layers on the GPU", p.Layers, p.Blocks)
	}
	switch {
	case p.Measured > 0:
		word += ", " + units.Speed(p.Measured)
	case p.Speed > 0:
		word += ", ~" + units.Speed(p.Speed)
	}
	return word
}

// DownloadSize is how many bytes are downloaded for a model of the catalogue at m's type:
// the size of a finished file, if known, and of the projector.
func (m Model) DownloadSize(of catalog.Model) int64 {
	n := m.Bytes()
	if f, ok := of.File(m.Type); ok && f.Size > 0 {
		n = f.Size
	}
	return n + m.Projector
}
