package worker

import (
	"fmt"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
)

// crashed describes how a worker in use ended, with its last line of log. It takes at most
// half a second.
func crashed(name, when string, pid int, log string) *fault.Error {
	how := waitEnd(pid, 500*time.Millisecond)
	var msg strings.Builder
	fmt.Fprintf(&msg, "the worker for %s ended %s", name, when)
	if how != "" {
		fmt.Fprintf(&msg, " (%s)", how)
	}
	// What a killed process wrote last has nothing to do with its end.
	if last := lastWords(log, pid); last != "" && how != killed {
		fmt.Fprintf(&msg, ": %s", last)
	}
	advice := fmt.Sprintf("Ask again: a new worker starts. Its log is %s.", log)
	if how == killed {
		advice = "It was killed, possibly because memory ran out: use a smaller model or context. Ask again to start a new worker."
	}
	return &fault.Error{Kind: fault.Crashed, Msg: msg.String(), Advice: advice}
}
