//go:build !cgo

// Package llama keeps the contract of package engine with llama.cpp. This build
// has no cgo, and so no llama.cpp: models are reached over endpoints only.
package llama

import (
	"context"
	"runtime"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// An Engine is what [Open] would return.
type Engine struct{ engine.Engine }

func errNoCgo() error {
	return &fault.Error{
		Kind:   fault.Unsupported,
		Msg:    "this build of bise has no local engine",
		Advice: "Use a server (`bise ask -m endpoint/model`), or a build with cgo.",
	}
}

// Open fails.
func Open(context.Context, string, engine.LoadOptions, func(float64)) (*Engine, error) {
	return nil, errNoCgo()
}

// Devices lists none.
func Devices() (list []Device, dir string) { return nil, "" }

// Log does nothing.
func Log() {}

// Threads is how many threads would compute.
func Threads() int { return runtime.GOMAXPROCS(0) }

// Bare fails.
func (e *Engine) Bare([]int32, int) (BareLoop, error) { return BareLoop{}, errNoCgo() }

// StateCost fails.
func (e *Engine) StateCost([]int32) (StateCost, error) { return StateCost{}, errNoCgo() }

// Logits fails.
func (e *Engine) Logits(context.Context, []int32, ...string) (rows, vectors [][]float32, err error) {
	return nil, nil, errNoCgo()
}

// Quantize fails.
func Quantize(Quantization, func(Quantized)) (Quantized, error) { return Quantized{}, errNoCgo() }

// Inputs fails.
func (e *Engine) Inputs(context.Context, string, InputsOptions, func(done, total int)) (Inputs, error) {
	return Inputs{}, errNoCgo()
}

// Perplexity fails.
func (e *Engine) Perplexity(context.Context, string, PerplexityOptions, *Engine, func(Perplexity, int)) (Perplexity, error) {
	return Perplexity{}, errNoCgo()
}

// EmbedTokens fails.
func (e *Engine) EmbedTokens(context.Context, []int32) ([]float32, error) { return nil, errNoCgo() }
