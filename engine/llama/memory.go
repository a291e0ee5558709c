//go:build cgo

package llama

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/mem"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
)

// fit is what a model takes of this machine's memory, in bytes.
type fit struct {
	weights int64
	compute int64 // llama.cpp's buffers for a batch
	state   int64 // of all sequences, whatever their length
	token   int64 // of KV, for each token that the context can hold
	train   int   // tokens the model was trained on
	gpu     bool  // a GPU takes what fits it, by llama.cpp's own account
}

// estimate computes the fit from a model's head. The compute buffer holds the
// logits' and the widest layer's activations of a batch.
func estimate(sum gguf.Summary, p contextParams, kv gguf.Type) fit {
	f := fit{
		weights: sum.Weights,
		compute: int64(p.batch)*4*int64(sum.Vocabulary+24*sum.Width) + 32<<20,
		state:   sum.StateBytes() * int64(p.slots),
		token:   sum.KVBytes(kv, kv),
		train:   sum.Context,
	}
	for _, d := range devices() {
		f.gpu = f.gpu || d.gpu
	}
	return f
}

func kvName(name string) gguf.Type {
	t, _ := gguf.ParseType(strings.ToUpper(cmp.Or(name, "f16")))
	return t
}

// leastContext is the shortest context worth loading a model for, in tokens.
const leastContext = 512

// context is how many tokens a context can have: what was asked for, as far as
// the model was trained and the memory goes.
func (f fit) context(name string, want int) (int, error) {
	limit := cmp.Or(f.train, defaultContext)
	if want > 0 {
		limit = min(limit, want)
	}
	if f.gpu {
		return limit, nil
	}
	free := available()
	least := f.weights + f.compute + f.state + f.token*int64(min(limit, leastContext))
	if least > free {
		return 0, &engine.Error{
			Kind:   engine.NoMemory,
			Msg:    fmt.Sprintf("cannot load %s: it needs %s and %s are free", name, gigabytes(least), gigabytes(free)),
			Advice: "Free memory with `bise stop`, or use a smaller model or quantization.",
		}
	}
	if f.token > 0 {
		limit = min(limit, int((free-f.weights-f.compute-f.state)/f.token))
	}
	return limit, nil
}

// fitsMemory reports whether a context of so many tokens can take the place of
// one of old tokens, whose conversations wait in memory meanwhile.
func (s *scheduler) fitsMemory(old, tokens int) bool {
	return s.fit.gpu || s.fit.token*int64(tokens) < available()+s.fit.token*int64(old)
}

// available is how many bytes can be taken without swapping.
func available() int64 {
	const unknown = 1 << 62
	free := int64(unknown)
	if v, err := mem.VirtualMemory(); err == nil {
		free = int64(v.Available)
	}
	// A container may have less than its machine.
	limit, err1 := number("/sys/fs/cgroup/memory.max")
	used, err2 := number("/sys/fs/cgroup/memory.current")
	if err1 == nil && err2 == nil {
		free = min(free, max(0, limit-used))
	}
	return free
}

func number(path string) (int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
}

func gigabytes(n int64) string { return fmt.Sprintf("%.1f GB", float64(n)/1e9) }
