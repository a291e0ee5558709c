package enginetest

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestLeaking leaks, in a process of its own.
func TestLeaking(t *testing.T) {
	leak := os.Getenv("ENGINETEST_LEAK")
	if leak == "" {
		t.Skip("run by TestCheckLeaks")
	}
	leakPatience = 100 * time.Millisecond
	CheckLeaks(t)
	switch leak {
	case "goroutine":
		go func() { select {} }()
	case "file":
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		leaked = f
	}
}

var leaked *os.File // kept, or its finalizer would close it

func TestCheckLeaks(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for leak, want := range map[string]string{"goroutine": "TestLeaking", "file": os.DevNull} {
		if leak == "file" && runtime.GOOS != "linux" {
			continue
		}
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestLeaking$")
		cmd.Env = append(os.Environ(), "ENGINETEST_LEAK="+leak)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("a leaked %s is not seen: %v\n%s", leak, err, out)
		}
	}

	// What is gone by the end is no leak.
	CheckLeaks(t)
	done := make(chan struct{})
	go func() { <-done }()
	close(done)
}
