package worker

import (
	"os/exec"
	"sync"
	"time"
)

// How a process ended.
const (
	left   = "exit status 0"
	killed = "killed" // by SIGKILL
)

// children are
var children = struct {
	sync.Mutex
	byPID map[int]*child
}{byPID: map[int]*child{}}

type child struct {
	waited bool          // a caller waits for it, or has
	ended  chan struct{} // closed once how is known
	how    string        // "killed", "signal: aborted", "exit status 2"; "" if unknown
}

// adopt registers a started process.
func adopt(cmd *exec.Cmd) (pid int) {
	pid = cmd.Process.Pid
	children.Lock()
	defer children.Unlock()
	children.byPID[pid] = &child{ended: make(chan struct{})}
	forget(cmd)
	return pid
}

// waitEnd waits up to within for a worker to end and returns how it ended. It is empty for
// one that still runs or that another process started.
func waitEnd(pid int, within time.Duration) (how string) {
	children.Lock()
	c := children.byPID[pid]
	if c != nil && !c.waited {
		c.waited = true
		go func() {
			c.how, _ = reap(pid, true)
			close(c.ended)
		}()
	}
	children.Unlock()
	if c == nil {
		return ""
	}
	select {
	case <-c.ended:
		return c.how
	case <-time.After(within):
		return ""
	}
}

// reapEnded reaps ended children that no caller waits for.
func reapEnded() {
	children.Lock()
	defer children.Unlock()
	for pid, c := range children.byPID {
		if c.waited {
			continue
		}
		if how, ok := reap(pid, false); ok {
			c.waited, c.how = true, how
			close(c.ended)
		}
	}
}
