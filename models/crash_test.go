//go:build unix

package models

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// TestMain plays another process that uses the store: it does what it is told and
// is killed in the middle.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "as-other" {
		s := Store{Dir: os.Args[2]}
		switch what := os.Args[3]; what {
		case "at-random":
			atRandom(s, os.Args[4])
		default:
			at, _ := strconv.Atoi(os.Args[4])
			dieAt(at)
			if err := deeds[what].do(s); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// dieAt ends this process, as kill -9 does, before a step that changes the store.
func dieAt(at int) {
	step := func() {
		if at--; at == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	rename = func(from, to string) error { step(); return os.Rename(from, to) }
	commit = func(f *atomicfile.File) error { step(); return f.Commit() }
	remove = func(path string) error { step(); return os.Remove(path) }
	removeAll = func(path string) error { step(); return os.RemoveAll(path) }
}

// put stages and commits a:x with a text in both of its files.
func put(s Store, name, text string) error {
	st, err := s.Stage(name, "x")
	if err != nil {
		return err
	}
	defer st.Release()
	files := []File{fileOf("one.gguf", text, Weights), fileOf("two.gguf", text, Projector)}
	for _, f := range append(files, File{Name: "rest.part"}) {
		if err := os.WriteFile(filepath.Join(st.Dir, f.Name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return st.Commit(Manifest{Files: files})
}

func take(s Store, ref string) (*Removed, error) {
	m, err := s.Lookup(ref)
	if err != nil {
		return nil, err
	}
	return s.Remove(m)
}

// A deed changes a store in which a:x is installed, with "old" in its files, and
// big.gguf lies in two parts. Afterwards a and big may be what is listed; "" is
// gone.
type deed struct {
	do     func(s Store) error
	a, big []string
}

var deeds = map[string]deed{
	"replace": {
		func(s Store) error { return put(s, "a", "new") },
		[]string{"old", "new"},
		[]string{"big"},
	},
	"remove": {
		func(s Store) error {
			r, err := take(s, "a")
			if err != nil {
				return err
			}
			return r.Purge()
		},
		[]string{"old", ""},
		[]string{"big"},
	},
	"remove parts": {
		func(s Store) error {
			r, err := take(s, "big")
			if err != nil {
				return err
			}
			return r.Purge()
		},
		[]string{"old"},
		[]string{"big", ""},
	},
	"undo": {
		func(s Store) error {
			r, err := take(s, "a")
			if err != nil {
				return err
			}
			return r.Undo()
		},
		[]string{"old", ""},
		[]string{"big"},
	},
	"import": {
		func(s Store) error {
			path := filepath.Join(filepath.Dir(s.Dir), "tiny.gguf")
			if _, ok := s.Installed("tiny", "f32"); ok {
				return nil
			}
			_, err := s.Import(context.Background(), Import{Path: path, Way: Copy})
			return err
		},
		[]string{"old"},
		[]string{"big"},
	},
	"collect": {
		func(s Store) error {
			waste, err := s.Leftovers(0)
			for _, w := range waste {
				err = errors.Join(err, w.Remove())
			}
			return err
		},
		[]string{"old"},
		[]string{"big"},
	},
}

// content is what a model's files have, "" when there is no such model.
func content(t *testing.T, s Store, ref string) string {
	t.Helper()
	m, err := s.Lookup(ref)
	if fault.KindOf(err) == fault.NotFound {
		return ""
	}
	if err == nil {
		err = m.Problem
	}
	if err != nil {
		t.Fatalf("%s: %v", ref, err)
	}
	var texts []string
	for _, f := range m.Files {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	if len(texts) != 2 || texts[0] != texts[1] {
		t.Fatalf("%s has %q", ref, texts)
	}
	return texts[0]
}

func other(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append([]string{"as-other"}, args...)...)
	cmd.Stderr = t.Output()
	return cmd
}

// TestKilledAtEveryStep does every deed in another process that is killed before
// its first step, then before its second, and so on until it comes to its end.
func TestKilledAtEveryStep(t *testing.T) {
	for what, d := range deeds {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				if at == 100 {
					t.Fatal("it has no end")
				}
				if survived := killedAt(t, what, d, at); survived {
					if at < 3 {
						t.Errorf("it had only %d steps", at-1)
					}
					return
				}
			}
		})
	}
}

func killedAt(t *testing.T, what string, d deed, at int) (survived bool) {
	t.Helper()
	s := Store{Dir: filepath.Join(t.TempDir(), "models")}
	if err := tinymodel.Write(filepath.Join(filepath.Dir(s.Dir), "tiny.gguf"), tinymodel.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "removed"} {
		if err := put(s, name, "old"); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"big-00001-of-00002.gguf", "big-00002-of-00002.gguf"} {
		write(t, filepath.Join(s.Dir, name), "big")
	}
	r, err := take(s, "removed")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.lock.Unlock() // as when its process has ended

	err = other(t, s.Dir, what, strconv.Itoa(at)).Run()
	exit, killed := errors.AsType[*exec.ExitError](err)
	if killed && exit.ExitCode() != -1 {
		t.Fatalf("step %d: %v", at, err)
	}
	if got := content(t, s, "a"); !slices.Contains(d.a, got) {
		t.Fatalf("killed before step %d, a is %q", at, got)
	}
	if got := content(t, s, "big"); !slices.Contains(d.big, got) {
		t.Fatalf("killed before step %d, big is %q", at, got)
	}
	if m, ok := s.Installed("tiny", "f32"); ok && m.Problem != nil {
		t.Fatalf("killed before step %d, tiny is %+v", at, m)
	}
	// Whoever comes next can do the same, and nothing of it stays behind.
	if err := d.do(s); err != nil && fault.KindOf(err) != fault.NotFound {
		t.Fatalf("after step %d: %v", at, err)
	}
	collect(t, s)
	for _, name := range below(t, s) {
		if strings.HasPrefix(name, ".") {
			t.Fatalf("killed before step %d, %s is left", at, name)
		}
	}
	return !killed
}

// atRandom changes the store in all ways, and says so after each.
func atRandom(s Store, who string) {
	seed, _ := strconv.Atoi(who)
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	for i := 0; ; i++ {
		name := string(rune('a' + r.IntN(2)))
		var err error
		switch r.IntN(4) {
		case 0, 1:
			err = put(s, name, fmt.Sprint(who, "-", i))
		case 2:
			var gone *Removed
			if gone, err = take(s, name); err == nil {
				if err = gone.Purge(); r.IntN(2) == 0 {
					break
				}
			}
		case 3:
			var gone *Removed
			if gone, err = take(s, name); err == nil {
				_ = gone.Undo() // another may be in its place
			}
		}
		if kind := fault.KindOf(err); err != nil && kind != fault.NotFound && kind != fault.Busy {
			fmt.Println("failed:", err)
			return
		}
		fmt.Println("did", i)
	}
}

// TestKilledAtRandom has three processes change the same models in all ways until
// they are killed, again and again, while this one looks that every model is whole
// or not there.
func TestKilledAtRandom(t *testing.T) {
	rounds := 6
	if n, err := strconv.Atoi(os.Getenv("BISE_TEST_KILLS")); err == nil {
		rounds = n / 3
	}
	s := Store{Dir: filepath.Join(t.TempDir(), "models")}
	for round := range rounds {
		var all []*exec.Cmd
		var lines []*bufio.Reader
		for i := range 3 {
			cmd := other(t, s.Dir, "at-random", strconv.Itoa(round*3+i))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			all, lines = append(all, cmd), append(lines, bufio.NewReader(out))
		}
		for i, cmd := range all {
			for range 2 + rand.IntN(8) {
				line, err := lines[i].ReadString('\n')
				if err != nil || strings.HasPrefix(line, "failed") {
					t.Errorf("process %d: %q, %v", i, line, err)
					break
				}
				for _, name := range []string{"a", "b"} {
					whole(t, s, name)
				}
			}
			_ = cmd.Process.Kill()
		}
		for _, cmd := range all {
			_ = cmd.Wait()
		}
	}
	collect(t, s)
	for _, name := range []string{"a", "b"} {
		content(t, s, name)
	}
	for _, name := range below(t, s) {
		if strings.HasPrefix(name, ".") {
			t.Errorf("%s is left", name)
		}
	}
}

// whole checks that a model is listed without a problem, if it is.
func whole(t *testing.T, s Store, name string) {
	t.Helper()
	if m, err := s.Lookup(name); err == nil && m.Problem != nil || err != nil && fault.KindOf(err) != fault.NotFound {
		t.Errorf("%s: %v, %v", name, m.Problem, err)
	}
}
