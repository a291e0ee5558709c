package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// TestAdviceInside checks that the interface never shows advice to run a command or to use a
// flag.
func TestAdviceInside(t *testing.T) {
	for _, cmd := range allCommands(testRoot()) {
		if cmd.Hidden {
			continue
		}
		if _, advice := fault.ExplainInside(fault.Advise(io.EOF, "Try %s x.", cmd.CommandPath())); advice != "" {
			t.Errorf("the interface says %q", advice)
		}
	}
	for _, advice := range []string{"Use --force.", "Choose another one with -m.", "Write it (--type Q8_0)."} {
		if _, got := fault.ExplainInside(fault.Advise(io.EOF, "%s", advice)); strings.Contains(got, "-") {
			t.Errorf("the interface says %q", got)
		}
	}
}
