//go:build cgo

package llama

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// A process that is killed at any step of a save loses at most that save: the next process
// reuses the conversation as it was saved before, or as it was about to be.
func TestKilledWhileSaving(t *testing.T) {
	const step, model, states, suffix, answer = "BISE_TEST_STEP", "BISE_TEST_MODEL", "BISE_TEST_STATES", "BISE_TEST_SUFFIX", "BISE_TEST_ANSWER"
	first := tokens(300, 1)
	number := func(name string) int {
		n, err := strconv.Atoi(os.Getenv(name))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if at := os.Getenv(step); at != "" { // the process that is killed
		saveStep = func(s string) {
			if s == at {
				self, _ := os.FindProcess(os.Getpid())
				_ = self.Kill()
				select {}
			}
		}
		e := open(t, os.Getenv(model), engine.LoadOptions{StateDir: os.Getenv(states)})
		write(t, e, append(slices.Clone(first), tokens(number(suffix), 2)...), number(answer))
		e.Close()
		return
	}

	path, saved := tiny(t, tinymodel.Mistral()), t.TempDir()
	e := open(t, path, engine.LoadOptions{StateDir: saved})
	write(t, e, first, 10)
	e.Close()
	prompt := slices.Concat(first, tokens(20, 2), tokens(20, 3))
	want := write(t, open(t, path, engine.LoadOptions{}), prompt, 10).Text()

	for _, tt := range []struct {
		at             string
		suffix, answer int // what the killed process adds
		reused, files  int
	}{
		{"create", 20, 10, 300, 1},
		{"write the header", 20, 10, 300, 1},
		{"write the state", 20, 10, 300, 1},
		{"write the checksum", 20, 10, 300, 1},
		{"commit", 20, 10, 300, 1},
		{"drop what it continues", 20, 10, 320, 2},
		{"prune", 20, 10, 320, 2},
		// The first conversation is the beginning of this one.
		{"commit", 0, 40, 300, 1},
		{"drop what it continues", 0, 40, 300, 2},
		{"prune", 0, 40, 300, 1},
	} {
		t.Run(tt.at+" "+strconv.Itoa(tt.suffix), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(saved)); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileSaving$")
			cmd.Env = append(os.Environ(), step+"="+tt.at, model+"="+path, states+"="+dir, suffix+"="+strconv.Itoa(tt.suffix), answer+"="+strconv.Itoa(tt.answer))
			if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != -1 {
				t.Fatalf("the process was not killed: %v\n%s", err, out)
			}
			if files, _ := filepath.Glob(filepath.Join(dir, "*", "*.kv")); len(files) != tt.files {
				t.Errorf("%d conversations are saved, want %d", len(files), tt.files)
			}
			a := write(t, open(t, path, engine.LoadOptions{StateDir: dir}), prompt, 10)
			if a.Text() != want || a.Usage.Cached() != tt.reused {
				t.Errorf("it wrote %q with %d tokens reused, want %q and %d", a.Text(), a.Usage.Cached(), want, tt.reused)
			}
		})
	}
}
