package engine_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func TestTooLong(t *testing.T) {
	err := fmt.Errorf("ask: %w", engine.ErrTooLong(9000, 8192))
	want := engine.ContextOverflow{Tokens: 9000, Limit: 8192}
	if fault.KindOf(err) != fault.TooLong || engine.OverflowOf(err) != want {
		t.Errorf("got %v of kind %q", err, fault.KindOf(err))
	}
	message, advice := fault.Explain(err)
	if !strings.Contains(message, "9000") || !strings.Contains(message, "8192") || advice == "" {
		t.Errorf("got %q and %q, want both numbers and advice", message, advice)
	}
	if got := engine.OverflowOf(io.EOF); got != (engine.ContextOverflow{}) {
		t.Errorf("got %v, want zeros", got)
	}
}
