package enginetest

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// leakPatience is how long goroutines and files have to go.
var leakPatience = 5 * time.Second

// CheckLeaks fails a test if, after the cleanups registered later, it leaves goroutines or
// open files behind. They get a few seconds to end. Do not use it in parallel tests, whose
// goroutines would count as leaks. Files are checked on Linux only.
func CheckLeaks(t *testing.T) {
	t.Helper()
	before, files := goroutines(), openFiles()
	t.Cleanup(func() {
		var left []string
		var open []string
		settled := func() bool {
			left, open = nil, nil
			for id, stack := range goroutines() {
				if _, ok := before[id]; !ok && !isRuntime(stack) {
					left = append(left, stack)
				}
			}
			if now := openFiles(); len(now) > len(files) {
				open = now
			}
			return len(left) == 0 && open == nil
		}
		for deadline := time.Now().Add(leakPatience); !settled() && time.Now().Before(deadline); {
			runtime.Gosched()
		}
		for _, stack := range left {
			t.Errorf("a goroutine was left behind:\n%s", stack)
		}
		if open != nil {
			t.Errorf("%d files are open, %d were before:\n%s", len(open), len(files), strings.Join(open, "\n"))
		}
	})
}

// goroutines are the stacks of all goroutines, by the number of each.
func goroutines() map[string]string {
	buf := make([]byte, 1<<16)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || n >= 1<<26 {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := map[string]string{}
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		// "goroutine 7 [running]:"
		if _, rest, ok := strings.Cut(stack, "goroutine "); ok {
			id, _, _ := strings.Cut(rest, " ")
			all[id] = stack
		}
	}
	return all
}

// isRuntime reports whether a goroutine belongs to Go's runtime or to the testing
// package.
func isRuntime(stack string) bool {
	for _, keeps := range []string{"testing.tRunner(", "testing.(*T).Run(", "os/signal.loop(", "os/signal.signal_recv(", "runtime.ensureSigM", "runtime/trace.", "runtime/pprof."} {
		if strings.Contains(stack, keeps) {
			return true
		}
	}
	return false
}

// openFiles are this process's open files, nil where it cannot be known.
func openFiles() []string {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var files []string
	for _, e := range entries {
		// The directory that was just read is gone, and has no target any more.
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		// Go's network poller opens these once and keeps them.
		if err == nil && target != "anon_inode:[eventpoll]" && target != "anon_inode:[eventfd]" {
			files = append(files, e.Name()+" "+target)
		}
	}
	return files
}
