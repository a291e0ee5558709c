// Package footprint computes the memory that llama.cpp needs for a model. It needs the
// header of the file only, so it works before the model is loaded or even downloaded.
package footprint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
)

const (
	// Batch is the default number of tokens evaluated at once.
	Batch = 512
	// slots is the default number of sequences in a context.
	slots = 16
	// recurrentSlots is the same of models without attention, whose sequences take
	// their memory whether they are used or not.
	recurrentSlots = 4
	// Context is the initial length of a context in tokens; it grows on demand.
	Context = 4096
	// cells is what the tokens of a context are rounded up to (GGML_PAD of n_ctx in
	// llama-context.cpp).
	cells = 256
)

// Slots returns the number of sequences in a context of a model.
func Slots(s gguf.Summary, o engine.LoadOptions) int {
	if s.StateFloats > 0 {
		return cmp.Or(o.Slots, recurrentSlots)
	}
	return cmp.Or(o.Slots, slots)
}

// A Footprint is the memory of a model in bytes.
type Footprint struct {
	Weights int64
	State   int64 // of all sequences, whatever their length
	Token   int64 // of KV, for each token that the context holds
	Output  int64 // room for logits

	batch int64
	shape shape
}

// Of returns the footprint of a model, loaded with these options.
func Of(f *gguf.File, o engine.LoadOptions) Footprint {
	s := f.Summary()
	kv, ok := gguf.ParseType(cmp.Or(o.KVType, "f16"))
	if !ok {
		kv = gguf.F16
	}
	n := Slots(s, o)
	return Footprint{
		Weights: s.Weights,
		State:   s.StateBytes() * int64(n),
		Token:   s.KVBytes(kv, kv),
		Output:  4 * int64(n) * int64(s.Vocabulary),
		batch:   int64(max(1, cmp.Or(o.Batch, Batch))),
		shape:   shapeOf(f, s, o.FlashAttn == nil || *o.FlashAttn),
	}
}

// At returns the bytes for weights and a context of the given number of tokens.
func (f Footprint) At(tokens int) int64 {
	return f.Weights + f.State + f.Output + f.KV(tokens) + f.Compute(tokens)
}

// KV is the memory of the tokens of a context.
func (f Footprint) KV(tokens int) int64 { return f.Token * padded(tokens) }

// Longest returns the longest context, at most limit tokens, that fits in the given
// number of bytes with the weights; 0 if the weights alone do not fit.
func (f Footprint) Longest(bytes int64, limit int) int {
	if f.At(0) > bytes {
		return 0
	}
	low, high := 0, limit
	for low < high {
		middle := low + (high-low+1)/2
		if f.At(middle) <= bytes {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

func padded(tokens int) int64 { return (int64(tokens) + cells - 1) / cells * cells }

// A shape holds the dimensions that decide the size of the compute buffers: how many
// values of a token exist at once.
type shape struct {
	width, vocabulary int64
	queries           int64 // of all heads
	hidden            int64 // between the matrices of a feed-forward network, of all experts that a token goes through
	heads             int64
	mixed             int64 // of Mamba: what its first matrix makes of a token
	attention, flash  bool
}

func shapeOf(f *gguf.File, s gguf.Summary, flash bool) shape {
	p := shape{
		width: int64(s.Width), vocabulary: int64(s.Vocabulary), flash: flash,
		attention: slices.ContainsFunc(s.KVHeads, func(n int) bool { return n > 0 }),
	}
	if len(s.Heads) > 0 {
		p.heads = int64(slices.Max(s.Heads))
		p.queries = p.heads * int64(s.KeyWidth)
	}
	hidden, ok := f.Metadata.Uint(s.Architecture + ".feed_forward_length")
	if !ok || hidden > 1<<24 {
		hidden = 4 * uint64(s.Width) // as most models without one have it
	}
	p.hidden = int64(hidden) * int64(max(1, s.ExpertsUsed))
	// Mixtures with dense layers and shared experts say how wide one expert is.
	if one, ok := f.Metadata.Uint(s.Architecture + ".expert_feed_forward_length"); ok && one > 0 && one <= 1<<24 {
		p.hidden = int64(one) * int64(max(1, s.ExpertsUsed))
		if dense, _ := f.Metadata.Uint(s.Architecture + ".leading_dense_block_count"); dense > 0 {
			p.hidden = max(p.hidden, int64(hidden))
		}
	}
	for _, t := range f.Tensors {
		if strings.HasSuffix(t.Name, ".ssm_in.weight") && len(t.Dims) == 2 {
			p.mixed = max(p.mixed, t.Dims[1])
		}
	}
	return p
}

// Compute returns the size of llama.cpp's compute buffer for a context of tokens: the
// largest sum of float32 tensors that exist at once. The peak is at the logits; at the
// start of attention, with its mask as float32 and as float16; or inside a layer, with the
// mask and three copies of the hidden state. Without flash attention every head also has
// scores for the whole context.
func (f Footprint) Compute(tokens int) int64 {
	p, context := f.shape, padded(tokens)
	layers := 3 * p.mixed
	if p.attention {
		mask, scores := context/2, int64(0)
		if p.flash {
			layers = max(layers, context+mask+p.width+p.queries)
		} else {
			mask, scores = context, p.heads*context
		}
		layers = max(layers, mask+p.width+2*p.queries+scores, mask+p.width+3*p.hidden)
	}
	// ggml puts results where there is room between others, which leaves gaps.
	const gaps = 1.15
	return 4 * f.batch * max(p.vocabulary+p.width, int64(gaps*float64(layers)))
}
