package engine_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
)

func TestErrors(t *testing.T) {
	err := fmt.Errorf("ask: %w", engine.Errorf(engine.Network, "reach %s: %w", "lab", io.ErrUnexpectedEOF))
	if got := engine.KindOf(err); got != engine.Network {
		t.Errorf("the kind is %q, want %q", got, engine.Network)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if want := "ask: reach lab: unexpected EOF"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	for _, err := range []error{nil, io.EOF} {
		if got := engine.KindOf(err); got != "" {
			t.Errorf("%v has the kind %q", err, got)
		}
	}
	long := engine.ErrTooLong(9000, 8192)
	if long.Kind != engine.TooLong || long.Tokens != 9000 || long.Limit != 8192 || !strings.Contains(long.Error(), "9000") || !strings.Contains(long.Error(), "8192") || long.Hint() == "" {
		t.Errorf("got %+v, want both numbers and advice", long)
	}
}

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
