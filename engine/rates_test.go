package engine_test

import (
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
)

func TestRates(t *testing.T) {
	for _, c := range []struct {
		t               engine.Timings
		prefill, decode float64
	}{
		{engine.Timings{}, 0, 0},
		{engine.Timings{Evaluated: 100, Prefill: 500 * time.Millisecond, Generated: 11, Decode: 2 * time.Second}, 200, 5},
		{engine.Timings{Evaluated: 100, Generated: 1, Decode: time.Second}, 0, 0},
	} {
		if p, d := c.t.PrefillRate(), c.t.DecodeRate(); p != c.prefill || d != c.decode {
			t.Errorf("%+v: %v and %v, want %v and %v", c.t, p, d, c.prefill, c.decode)
		}
	}
	if n := (engine.Usage{}).Cached(); n != 0 {
		t.Errorf("usage without details has %d cached tokens", n)
	}
}
