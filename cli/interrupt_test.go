//go:build unix

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

func TestInterruptStopsTheAnswer(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		s := &enginetest.Script{Replies: []enginetest.Reply{{
			enginetest.Text("so far"),
			enginetest.Do(func(context.Context) {
				if err := syscall.Kill(os.Getpid(), signal); err != nil {
					t.Error(err)
				}
			}),
			enginetest.Wait(nil),
		}}}
		if got, want := runBise(t, s, "", "ask", "hi"), (run{fault.ExitInterrupted, "so far\n", ""}); got != want {
			t.Errorf("%v: got %+v, want %+v", signal, got, want)
		}
	}
}

func TestInterruptWhileReadingStdin(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer r.Close()
	got := runApp(t, func(a *app) {
		a.stdin = signalling{r}
	}, "", "ask", "hi")
	if want := (run{code: fault.ExitInterrupted}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// signalling interrupts the process before it reads.
type signalling struct{ *os.File }

func (s signalling) Read(p []byte) (int, error) {
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		return 0, err
	}
	return s.File.Read(p)
}

func init() { commands["bise-deaf"] = deaf }

// deaf is a bise whose engine does not mind being stopped.
func deaf() {
	a := newApp(os.Stdin, os.Stdout, os.Stderr)
	a.open = func(ctx context.Context, _ string, _ engine.LoadOptions) (engine.Engine, error) {
		fmt.Println("opening")
		<-ctx.Done()
		fmt.Println("stopping")
		select {}
	}
	os.Exit(a.run(os.Args[1:]))
}

func TestSecondInterruptLeavesAtOnce(t *testing.T) {
	cmd := exec.Command("bise-deaf", "ask", "hi")
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for _, word := range []string{"opening", "stopping"} {
		if !said.Scan() || said.Text() != word {
			t.Fatalf("it said %q, want %q", said.Text(), word)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	if !ok || exit.ExitCode() != fault.ExitInterrupted {
		t.Errorf("it ended with %v", exit)
	}
}

func TestBrokenPipeEndsQuietly(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s := &enginetest.Script{Replies: []enginetest.Reply{{
		enginetest.Do(func(context.Context) { r.Close() }),
		enginetest.Text("nobody reads this"),
		enginetest.Wait(nil),
	}}}
	var stderr strings.Builder
	got := runApp(t, func(a *app) {
		a.stdout, a.stderr = w, &stderr
		a.open = func(context.Context, string, engine.LoadOptions) (engine.Engine, error) { return s, nil }
	}, "", "ask", "hi")
	if got.code != fault.ExitOK || stderr.String() != "" {
		t.Errorf("code %d, stderr %q", got.code, stderr.String())
	}
}
