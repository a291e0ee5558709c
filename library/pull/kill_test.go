//go:build unix

package pull

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models/quantize"
)

// TestMain plays another process that pulls, and is killed in the middle.
func TestMain(m *testing.M) {
	if len(os.Args) == 6 && os.Args[1] == "as-puller" {
		if err := asPuller(os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// die ends this process as kill -9 does.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// asPuller pulls from the original weights, and dies: before the record is written
// for so manieth time, or in the middle of a step that has a name.
func asPuller(url, dir, ref, at string) error {
	p, err := puller(url, dir)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(at); err == nil {
		commit = func(f *atomicfile.File) error {
			if f.Name() == recordName {
				if n--; n == 0 {
					die()
				}
			}
			return f.Commit()
		}
	}
	if at == string(Quantizing) {
		p.Quantize = func(_ context.Context, job quantize.Job, begun func(int)) (quantize.Done, error) {
			begun(2)
			if err := os.WriteFile(job.Out, []byte("half a"), 0o600); err != nil {
				return quantize.Done{}, err
			}
			die()
			return quantize.Done{}, errors.New("alive")
		}
	}
	plan, err := p.Plan(context.Background(), Request{Ref: ref, FromSource: true})
	if err != nil {
		return err
	}
	var progress Progress
	go func() {
		for {
			if s := progress.Sample(); s.Step == Step(at) && s.Step != Quantizing {
				die()
			}
		}
	}()
	_, err = p.Run(context.Background(), plan, &progress)
	return err
}

// child pulls in another process; killed is whether it was.
func child(t *testing.T, url, dir, at string) (killed bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "as-puller", url, dir, "tiny", at)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	t.Fatalf("%v\n%s", err, out)
	return false
}

// Whatever is done when the process is killed, the next one goes on from there, and
// the model is right.
func TestKilledAtEveryStep(t *testing.T) {
	hub := pulltest.New(t)
	reached := 0
	for n := 1; ; n++ {
		dir := t.TempDir()
		hub.Reset()
		if !child(t, hub.URL, dir, strconv.Itoa(n)) {
			reached = n - 1
			break
		}
		if child(t, hub.URL, dir, "never") {
			t.Fatal("the second run was killed")
		}
		right(t, pullerInto(t, hub.URL, dir).Store, "tiny", "q4_k_m")
		// Once more only what was on its way.
		hub.AssertFetchedAtMost(t, "consolidated.safetensors", 2)
	}
	if reached < 8 {
		t.Errorf("the record was written %d times only", reached)
	}
}

func TestKilledWithinAStep(t *testing.T) {
	hub := pulltest.New(t)
	for _, step := range []Step{Fetching, Converting, Quantizing, Verifying, Installing} {
		t.Run(string(step), func(t *testing.T) {
			dir := t.TempDir()
			hub.Reset()
			// Converting and verifying a small file may be over before it is seen.
			if killed := child(t, hub.URL, dir, string(step)); !killed && (step == Fetching || step == Quantizing) {
				t.Fatal("it was not killed")
			}
			child(t, hub.URL, dir, "never")
			right(t, pullerInto(t, hub.URL, dir).Store, "tiny", "q4_k_m")
			hub.AssertFetchedAtMost(t, "consolidated.safetensors", 2)
		})
	}
}

func TestKilledAtRandom(t *testing.T) {
	hub := pulltest.New(t)
	hub.Fault(fakehub.CDN, fakehub.Slow(2_000_000))
	dir := t.TempDir()
	for range 15 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "as-puller", hub.URL, dir, "tiny", "never")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, or done
		after.Stop()
	}
	if child(t, hub.URL, dir, "never") {
		t.Fatal("the last run was killed")
	}
	right(t, pullerInto(t, hub.URL, dir).Store, "tiny", "q4_k_m")
}
