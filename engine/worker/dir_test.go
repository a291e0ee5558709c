//go:build unix

package worker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// places gives a user's folders to a test: a runtime folder, and one for temporary
// files. Their paths are short, for sockets.
func places(t testing.TB) (run, tmp string) {
	t.Helper()
	root, err := os.MkdirTemp("", "bise")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	run, tmp = filepath.Join(root, "run"), filepath.Join(root, "tmp")
	for _, dir := range []string{run, tmp} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", run)
	t.Setenv("TMPDIR", tmp)
	return run, tmp
}

func TestSocketDir(t *testing.T) {
	mine := "bise-" + userID()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, run, tmp string)
		want    func(run, tmp string) string // nil: refused
		refusal string
	}{
		{
			"in the runtime folder", func(*testing.T, string, string) {},
			func(run, _ string) string { return filepath.Join(run, "bise") }, "",
		},
		{
			"made before", func(_ *testing.T, run, _ string) { must(os.Mkdir(filepath.Join(run, "bise"), 0o700)) },
			func(run, _ string) string { return filepath.Join(run, "bise") }, "",
		},
		{
			"without a runtime folder", func(t *testing.T, _, _ string) { t.Setenv("XDG_RUNTIME_DIR", "") },
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
		{
			"a runtime folder that is not there", func(_ *testing.T, run, _ string) { must(os.Remove(run)) },
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
		{
			"a relative one", func(t *testing.T, _, _ string) { t.Setenv("XDG_RUNTIME_DIR", "run") },
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
		{
			"one that others write to", func(_ *testing.T, run, _ string) { must(os.Chmod(run, 0o777)) },
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
		{
			"one whose sockets would have too long paths", func(t *testing.T, run, _ string) {
				run = filepath.Join(run, strings.Repeat("x", 80))
				must(os.Mkdir(run, 0o700))
				t.Setenv("XDG_RUNTIME_DIR", run)
			},
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
		{
			"too long everywhere", func(t *testing.T, _, tmp string) {
				t.Setenv("XDG_RUNTIME_DIR", "")
				tmp = filepath.Join(tmp, strings.Repeat("x", 80))
				must(os.Mkdir(tmp, 0o700))
				t.Setenv("TMPDIR", tmp)
			}, nil, "the limit is 103",
		},
		{
			"a folder that others can enter", func(t *testing.T, run, _ string) {
				must(os.Mkdir(filepath.Join(run, "bise"), 0o700))
				must(os.Chmod(filepath.Join(run, "bise"), 0o755))
			},
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
		{
			"a link to somewhere", func(_ *testing.T, run, tmp string) { must(os.Symlink(tmp, filepath.Join(run, "bise"))) },
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
		{
			"a file", func(_ *testing.T, run, _ string) { must(os.WriteFile(filepath.Join(run, "bise"), nil, 0o600)) },
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
		{
			"another user's", func(t *testing.T, run, _ string) { giveAway(t, filepath.Join(run, "bise")) },
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
		{
			"another user's, where it is not needed", func(t *testing.T, _, tmp string) { giveAway(t, filepath.Join(tmp, mine)) },
			func(run, _ string) string { return filepath.Join(run, "bise") }, "",
		},
		{
			"another user's, where it is needed", func(t *testing.T, _, tmp string) {
				t.Setenv("XDG_RUNTIME_DIR", "")
				giveAway(t, filepath.Join(tmp, mine))
			},
			func(_, tmp string) string { return filepath.Join(tmp, mine+"-*") }, "",
		},
		{
			"a shared runtime folder", func(t *testing.T, _, tmp string) {
				t.Setenv("XDG_RUNTIME_DIR", tmp)
				must(os.Chmod(tmp, 0o777|os.ModeSticky))
				giveAway(t, filepath.Join(tmp, "bise"))
				giveAway(t, filepath.Join(tmp, mine))
				giveAway(t, filepath.Join(tmp, mine+"-1")) // a guess
			},
			func(_, tmp string) string { return filepath.Join(tmp, mine+"-*") }, "",
		},
		{
			"a runtime folder that was kept through sudo", func(t *testing.T, run, _ string) {
				if os.Geteuid() != 0 {
					t.Skip("only root can give files away")
				}
				must(os.Chown(run, 12345, 12345))
			},
			func(_, tmp string) string { return filepath.Join(tmp, mine) }, "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run, tmp := places(t)
			tt.prepare(t, run, tmp)
			dir, err := socketDir()
			if tt.want == nil {
				if err == nil || !strings.Contains(err.Error(), tt.refusal) {
					t.Fatalf("got %q, %v, want a refusal with %q", dir, err, tt.refusal)
				}
				if e, ok := err.(*fault.Error); !ok || e.Advice == "" {
					t.Errorf("%v has no advice", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := tt.want(run, tmp); !matches(want, dir) {
				t.Errorf("got %s, want %s", dir, want)
			}
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if again, err := socketDir(); again != dir || err != nil {
				t.Errorf("the next process uses %s (%v), not %s", again, err, dir)
			}
			if got := existingDirs(); !slices.Equal(got, []string{dir}) {
				t.Errorf("workers are searched in %v, want %s", got, dir)
			}
		})
	}
}

// giveAway creates a folder, and gives it to another user if it can. Otherwise others may
// enter it: that is not safe either.
func giveAway(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
}

func matches(pattern, path string) bool {
	ok, err := filepath.Match(pattern, path)
	return ok && err == nil
}
