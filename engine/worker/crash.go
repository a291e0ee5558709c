package worker

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
)

// crashed describes how a worker in use ended. Its last line of log explains a crash, but
// not a kill. oomBefore is what oomKills returned while the worker lived. It takes at most
// half a second.
func crashed(name, when string, pid int, log string, oomBefore int) *fault.Error {
	how := waitEnd(pid, 500*time.Millisecond)
	last, certain := lastWords(log, pid)
	return explainEnd(name, when, how, last, certain, log, oomKills() > oomBefore && oomBefore >= 0)
}

func explainEnd(name, when, how, last string, certain bool, log string, outOfMemory bool) *fault.Error {
	e := &fault.Error{Kind: fault.Crashed, Advice: fmt.Sprintf("Ask again: a new worker starts. Its log is %s.", log)}
	signal, signaled := strings.CutPrefix(how, "signal: ")
	switch {
	case certain, strings.HasPrefix(how, "exit"):
		e.Msg = fmt.Sprintf("the worker for %s ended %s", name, when)
		if how != "" {
			e.Msg += fmt.Sprintf(" (%s)", how)
		}
		if last != "" {
			e.Msg += ": " + last
		}
	case outOfMemory && !signaled:
		e.Msg = fmt.Sprintf("the system killed the worker for %s %s: it ran out of memory", name, when)
		e.Advice = "Use a smaller model or a shorter context, or free memory. Ask again to start a new worker."
	case how == killed:
		e.Msg = fmt.Sprintf("the worker for %s was killed %s (SIGKILL)", name, when)
		e.Advice = "A user, another program or the system's limits killed it. Ask again: a new worker starts."
	case signaled:
		e.Msg = fmt.Sprintf("the worker for %s was ended by a signal %s: %s", name, when, signal)
		e.Advice = "A user, another program or the system's limits sent it. Ask again: a new worker starts."
	default:
		e.Msg = fmt.Sprintf("the worker for %s ended %s and left no reason: it was probably killed", name, when)
	}
	return e
}

// oomKills returns how many processes Linux has killed because memory ran out, in a control
// group or in all of it; -1 where the system does not count them.
func oomKills() int {
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(data)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			if n, err := strconv.Atoi(strings.TrimSpace(count)); err == nil {
				return n
			}
		}
	}
	return -1
}
