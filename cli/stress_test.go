//go:build cgo && !windows

package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// TestStress puts 200 mixed requests from 8 clients, a third of them cancelled at
// any moment, on llama.cpp in real worker processes, two of which are killed
// meanwhile. Nothing may be lost and nothing may leak.
func TestStress(t *testing.T) {
	dir := t.TempDir()
	for _, place := range []string{"STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"} {
		path := filepath.Join(dir, place)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("XDG_"+place, path)
	}
	model := filepath.Join(dir, "tiny.gguf")
	if err := tinymodel.Write(model, tinymodel.Mistral()); err != nil {
		t.Fatal(err)
	}
	command, err := exec.LookPath("bise-worker")
	if err != nil {
		t.Fatal(err)
	}
	spec := worker.Spec{Name: "tiny", Path: model, Options: engine.LoadOptions{Threads: 1}, KeepAlive: time.Minute}
	launcher := worker.Launcher{Command: []string{command}, LogDir: dir}
	workers := func(ctx context.Context) []worker.Status {
		all, err := worker.List(ctx)
		if err != nil {
			t.Error(err)
		}
		return all
	}
	killed := 0
	enginetest.Stress(t, enginetest.Suite{
		BatchNumerics: true,
		Open: func(t *testing.T) engine.Engine {
			e, err := worker.Open(t.Context(), spec, launcher)
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	}, enginetest.Load{
		Cancel: 0.3, Engines: 2, Disturbances: 2,
		Disturb: func() {
			for _, w := range workers(t.Context()) {
				if p, err := os.FindProcess(w.PID); err == nil && p.Kill() == nil {
					killed++
				}
			}
		},
	})
	if killed == 0 {
		t.Error("no worker was killed")
	}
	if _, err := worker.Stop(t.Context(), time.Second, func(worker.Status) bool { return true }); err != nil {
		t.Error(err)
	}
	if left := workers(t.Context()); len(left) > 0 {
		t.Errorf("workers are left: %v", left)
	}
}
