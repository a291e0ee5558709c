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
		if got, want := runBise(t, s, "", "ask", "hi"), (ran{fault.ExitInterrupted, "so far\n", ""}); got != want {
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
	var stdout, stderr strings.Builder
	testPlaces(t)
	code := run([]string{"ask", "hi"}, signalling{r}, &stdout, &stderr, engines{load: loadHere})
	if code != fault.ExitInterrupted || stdout.String() != "" || stderr.String() != "" {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
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
	open := func(ctx context.Context, _ string, _ engine.LoadOptions) (engine.Engine, error) {
		fmt.Println("opening")
		<-ctx.Done()
		fmt.Println("stopping")
		select {}
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, engines{load: loadHere, open: open}))
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
	testPlaces(t)
	code := run([]string{"ask", "hi"}, strings.NewReader(""), w, &stderr, engines{load: loadHere, open: always(s)})
	if code != fault.ExitOK || stderr.String() != "" {
		t.Errorf("code %d, stderr %q", code, stderr.String())
	}
}
