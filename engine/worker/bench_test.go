//go:build unix

package worker

import (
	"testing"
	"time"
)

// What a client and a worker add to the engine: a request, an answer of one token.
func BenchmarkWarmRequest(b *testing.B) {
	h := newHouse(b)
	e := h.open(h.spec("m"))
	h.pid(e)
	for b.Loop() {
		if _, err := ask(b.Context(), e, "pid"); err != nil {
			b.Fatal(err)
		}
	}
}

// The first token of a fresh client that finds a worker running, as `bise ask` does.
func BenchmarkWarmOpen(b *testing.B) {
	h := newHouse(b)
	spec := h.spec("m")
	h.pid(h.open(spec))
	for b.Loop() {
		e, err := Open(b.Context(), spec, launcher(h.logs))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ask(b.Context(), e, "pid"); err != nil {
			b.Fatal(err)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// From nothing to an answer, with a model that loads at once.
func BenchmarkColdStart(b *testing.B) {
	h := newHouse(b)
	spec := h.spec("m")
	for b.Loop() {
		e := h.open(spec)
		h.pid(e)
		b.StopTimer()
		if _, err := Stop(b.Context(), time.Second, nil); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
