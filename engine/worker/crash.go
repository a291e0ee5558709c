package worker

import (
	"fmt"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
)

// crashed says how a worker ended that was still needed, and what it said last.
// It takes no longer than half a second.
func crashed(name, when string, pid int, log string) *fault.Error {
	how := fate(pid, 500*time.Millisecond)
	var msg strings.Builder
	fmt.Fprintf(&msg, "the worker for %s ended %s", name, when)
	if how != "" {
		fmt.Fprintf(&msg, " (%s)", how)
	}
	if last := lastWords(log); last != "" {
		fmt.Fprintf(&msg, ": %s", last)
	}
	advice := fmt.Sprintf("Ask again: a fresh worker starts by itself. Its log is %s.", log)
	if how == killed {
		advice = "If nobody killed it, the system ran out of memory: a smaller model or context needs less. Ask again to start a fresh worker."
	}
	return &fault.Error{Kind: fault.Crashed, Msg: msg.String(), Advice: advice}
}
