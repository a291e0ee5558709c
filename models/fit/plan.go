// Package fit says which models a machine can run, and how: what they take of its
// memory, how much of that a GPU can hold, and how fast they would write.
//
// What is computed here is what llama.cpp allocates, within a tenth; see package
// engine/footprint. A test of package cli holds both against each other.
package fit

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/footprint"
	"github.com/bise-sh/bise/gguf"
)

// A Machine is what a model would run on. What is not known is zero.
type Machine struct {
	Cores     int      `json:"cores,omitempty"` // of the processor, physical
	Memory    int64    `json:"memory_bytes"`
	Free      int64    `json:"free_bytes"`       // of it, that can be taken without swapping
	Bandwidth float64  `json:"bytes_per_second"` // that the processor reads of it
	GPUs      []Device `json:"gpus"`
}

// A Device is a GPU.
type Device struct {
	Name  string `json:"name"`
	Total int64  `json:"total_bytes"`
	Free  int64  `json:"free_bytes"`
	// Unified is set where its memory is the machine's main memory.
	Unified bool `json:"unified,omitempty"`
}

// A Verdict is whether a model fits.
type Verdict string

const (
	Fits  Verdict = "fits"
	Tight Verdict = "tight" // it fits the machine, and not what is free at present
	No    Verdict = "no"
)

// A Plan is how a model would use memory. Numbers are bytes unless they say otherwise.
type Plan struct {
	Type      string `json:"type"`
	Context   int    `json:"context"` // tokens
	Longest   int    `json:"longest"` // tokens that a context can grow to here; 0 where it does not fit
	Weights   int64  `json:"weights_bytes"`
	Projector int64  `json:"projector_bytes"`
	KV        int64  `json:"kv_bytes"` // of the context, and states of models without attention
	Compute   int64  `json:"compute_bytes"`
	Need      int64  `json:"need_bytes"` // all of it
	// OnGPU is the part that is in the memory of GPUs, and Layers of Blocks with it.
	OnGPU  int64 `json:"gpu_bytes"`
	Layers int   `json:"gpu_layers"`
	Blocks int   `json:"layers"`
	// Speed is how fast it would write in tokens per second, 0 where that is not
	// known: when a GPU takes part, whose memory is not measured.
	Speed   float64 `json:"tokens_per_second"`
	Verdict Verdict `json:"verdict"`
	Rough   bool    `json:"rough,omitempty"` // only the weights are known
}

const (
	// spare is what has to stay free for the rest of a machine that is tight.
	spare = 1_000_000_000
	// margin is what llama.cpp leaves free on a GPU, as engine/llama asks it to.
	margin = 1 << 30
	// bandwidthShare is the share of the memory's speed that writing an answer reaches on
	// processors; bise bench measures it.
	bandwidthShare = 0.75
)

// Plan plans a model for a machine. The context is that of the options or, where they
// say nothing, the one that the engine begins with.
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
		p.Speed = h.Bandwidth * bandwidthShare / float64(m.bytesPerToken())
	}
	return p
}

// place puts as many layers as fit on GPUs, the last ones first, as llama.cpp does.
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
			// One memory: all of it is the GPU's, or llama.cpp goes without.
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

// layers are the bytes of each layer, and of what follows the last.
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

// bytesPerToken is how many bytes of weights are read to write one token: all but the
// embedding, of which one row is, and of experts those that a token goes through.
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

// ReadingSpeed is how fast an answer should be written, in tokens per second: about
// as fast as most people read.
const ReadingSpeed = 10

// qualities are the types to choose from, the best first. Beyond Q8_0 nobody can
// tell the difference, and below Q3_K_M everybody can.
var qualities = []string{"Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M"}

// Best is the plan to take: of those that fit the one with the best quality that
// still is comfortable to read. Where none is, or none fits, it is the usual type,
// or the largest below it that fits. The model is one of unquantized weights.
func (m Model) Best(h Machine, o engine.LoadOptions) (Plan, error) {
	var usual *Plan
	for _, kind := range qualities {
		q, err := m.Quantized(kind)
		if err != nil {
			return Plan{}, err
		}
		p := q.Plan(h, o)
		fits := p.Verdict == Fits
		if fits && (p.Speed == 0 || p.Speed >= ReadingSpeed) {
			return p, nil
		}
		if kind == "Q4_K_M" || usual != nil && usual.Verdict != Fits && fits {
			usual = &p
		}
		if usual != nil && usual.Verdict == Fits {
			break // a smaller one is faster, and worse
		}
	}
	return *usual, nil
}
