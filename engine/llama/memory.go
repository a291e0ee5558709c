//go:build cgo

package llama

import (
	"cmp"
	"fmt"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/footprint"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/machine"
)

// fit is the memory footprint of a model on this machine.
type fit struct {
	footprint.Footprint
	train int  // tokens the model was trained on
	gpu   bool // llama.cpp puts the layers that fit on a GPU
}

func estimate(file *gguf.File, o engine.LoadOptions) fit {
	f := fit{Footprint: footprint.Of(file, o), train: file.Summary().Context}
	for _, d := range devices() {
		f.gpu = f.gpu || d.gpu
	}
	return f
}

// leastContext is the shortest context worth loading a model for, in tokens.
const leastContext = 512

// context returns the length of the context in tokens: want, bounded by the model's
// training and by the memory.
func (f fit) context(name string, want int) (int, error) {
	limit := cmp.Or(f.train, footprint.Context)
	if want > 0 {
		limit = min(limit, want)
	}
	if f.gpu {
		return limit, nil
	}
	free := available()
	longest := f.Longest(free, limit)
	if least := min(limit, leastContext); longest < least {
		return 0, &fault.Error{
			Kind:   fault.NoMemory,
			Msg:    fmt.Sprintf("cannot load %s: it needs %s and %s are free", name, gigabytes(f.At(least)), gigabytes(free)),
			Advice: "Free memory with `bise stop`, or use a smaller model or quantization.",
		}
	}
	return longest, nil
}

// replaces reports whether a context of tokens can replace one of old tokens, whose
// conversations are kept in memory during the exchange.
func (f fit) replaces(old, tokens int) bool {
	return f.gpu || f.At(tokens)-f.At(0) < available()+f.KV(old)
}

// hasSpare reports whether growing from old to a context of tokens would leave at least half of the free memory
// to others. A context grows to such a size for conversations that may continue.
func (f fit) hasSpare(old, tokens int) bool {
	return f.gpu || f.At(tokens)-f.At(old) < available()/2
}

// available is the free memory in bytes, without swapping.
func available() int64 {
	if _, free := machine.Memory(); free > 0 {
		return free
	}
	return 1 << 62 // not known
}

func gigabytes(n int64) string { return fmt.Sprintf("%.1f GB", float64(n)/1e9) }
