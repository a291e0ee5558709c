//go:build !cgo

// Package llama keeps the contract of package engine with llama.cpp. This build
// has no cgo, and so no llama.cpp: models are reached over endpoints only.
package llama

import (
	"context"
	"runtime"
	"time"

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

// A Device is a processor that models can be computed on.
type Device struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	GPU         bool   `json:"gpu"`
	Free        int64  `json:"free_bytes"`
	Total       int64  `json:"total_bytes"`
}

// Devices lists none.
func Devices() (list []Device, dir string) { return nil, "" }

// Log does nothing.
func Log() {}

// Threads is how many threads would compute.
func Threads() int { return runtime.GOMAXPROCS(0) }

// A BareLoop is the speed of llama.cpp in a plain loop.
type BareLoop struct{ Prefill, Decode time.Duration }

// Bare fails.
func (e *Engine) Bare([]int32, int) (BareLoop, error) { return BareLoop{}, errNoCgo() }

// A StateCost is the time and the size of saving and restoring a conversation.
type StateCost struct {
	Bytes         int
	Save, Restore time.Duration
}

// StateCost fails.
func (e *Engine) StateCost([]int32) (StateCost, error) { return StateCost{}, errNoCgo() }

// Logits fails.
func (e *Engine) Logits(context.Context, []int32, ...string) (rows, vectors [][]float32, err error) {
	return nil, nil, errNoCgo()
}
