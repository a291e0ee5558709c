package scheduler

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A process that is killed at any step of a save loses at most that save: the next process
// reuses the conversation as it was saved before, or as it was about to be.
func TestKilledWhileSaving(t *testing.T) {
	const step, folder, suffix, answer = "BISE_TEST_STEP", "BISE_TEST_STATES", "BISE_TEST_SUFFIX", "BISE_TEST_ANSWER"
	first := ids(300, 1)
	for n := 2; strings.Count(written(first, 12), " ") < 12; n++ {
		first = ids(300, n) // its answer is long enough
	}
	open := func(t *testing.T, dir string) (*Scheduler, *fake) {
		states, err := OpenStates(dir, [32]byte{7}, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		f := newFake(t, 4096, 4)
		return start(t, f, Options{Limit: 4096, States: states}), f
	}
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
		s, f := open(t, os.Getenv(folder))
		ask(t, s, f, join(first, ids(number(suffix), 102)), number(answer))
		s.Close()
		return
	}

	saved := t.TempDir()
	s, f := open(t, saved)
	ask(t, s, f, first, 4)
	s.Close()
	prompt := join(first, ids(20, 102), ids(20, 103))

	for _, tt := range []struct {
		at             string
		suffix, answer int // what the killed process adds
		reused, files  int
	}{
		{"create", 20, 4, 300, 1},
		{"write the header", 20, 4, 300, 1},
		{"write the state", 20, 4, 300, 1},
		{"write the checksum", 20, 4, 300, 1},
		{"commit", 20, 4, 300, 1},
		{"drop what it continues", 20, 4, 320, 2},
		{"prune", 20, 4, 320, 2},
		// The first conversation is the beginning of this one.
		{"commit", 0, 12, 300, 1},
		{"drop what it continues", 0, 12, 300, 2},
		{"prune", 0, 12, 300, 1},
	} {
		t.Run(tt.at+" "+strconv.Itoa(tt.suffix), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(saved)); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileSaving$")
			cmd.Env = append(os.Environ(), step+"="+tt.at, folder+"="+dir, suffix+"="+strconv.Itoa(tt.suffix), answer+"="+strconv.Itoa(tt.answer))
			if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != -1 {
				t.Fatalf("the process was not killed: %v\n%s", err, out)
			}
			if files, _ := filepath.Glob(filepath.Join(dir, "*", "*.kv")); len(files) != tt.files {
				t.Errorf("%d conversations are saved, want %d", len(files), tt.files)
			}
			s, f := open(t, dir)
			if out := ask(t, s, f, prompt, 4); out.cached != tt.reused { // and ask checks the answer
				t.Errorf("%d tokens were reused, want %d", out.cached, tt.reused)
			}
		})
	}
}
