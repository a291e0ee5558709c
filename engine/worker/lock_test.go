//go:build unix

package worker

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
)

func TestLock(t *testing.T) {
	t.Run("has one holder", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "lock")
		const callers, times = 8, 50
		var inside atomic.Int32
		done := make(chan error)
		for range callers {
			go func() {
				for i := range times {
					l, err := acquire(t.Context(), path)
					if err != nil {
						done <- err
						return
					}
					if n := inside.Add(1); n != 1 {
						t.Errorf("%d holders", n)
					}
					inside.Add(-1)
					if i%7 == 0 {
						l.remove()
					} else {
						l.release()
					}
				}
				done <- nil
			}()
		}
		for range callers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("lets the impatient go", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "lock")
		held, err := acquire(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		why := errors.New("no patience")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if _, err := acquire(ctx, path); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		// The one who gave up must not keep the lock once it gets it.
		held.release()
		l, err := acquire(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		l.release()
	})
	t.Run("ends with its process", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "lock")
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe, "as-locker", path)
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		got := make(chan error)
		go func() {
			l, err := acquire(t.Context(), path)
			if err == nil {
				l.release()
			}
			got <- err
		}()
		select {
		case err := <-got:
			t.Errorf("taken while it was held: %v", err)
		default:
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err := <-got; err != nil {
			t.Error(err)
		}
	})
	t.Run("says whom it is about", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "lock")
		l, err := acquire(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		l.setModel("a longer name")
		l.setModel("codestral")
		if got := lockModel(path); got != "codestral" {
			t.Errorf("got %q", got)
		}
		l.remove()
		if got := lockModel(path); got != "" {
			t.Errorf("got %q from a lock that is gone", got)
		}
	})
}
