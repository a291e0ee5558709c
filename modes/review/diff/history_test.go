package diff

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGitHistory reads what git shows of merges with conflicts, and mails of
// commits that rename, chmod and change bytes: the lines that are there afterwards
// must be those of the commit's files, at their numbers.
func TestGitHistory(t *testing.T) {
	haveGit(t)
	r := rand.New(rand.NewPCG(7, 8))
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		out, err := git(t, dir, "", args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	commit := func(text string) {
		t.Helper()
		put(t, dir, "x y.go", text)
		run("add", "-A")
		run("commit", "-qm", "diff --git is a word\n\n--- a/x\nof its own, as is\n@@ -1 +1 @@")
	}
	run("init", "-q", "-b", "main")
	commit(words(r, 80, "\n"))
	combined := 0
	for range 6 {
		base, err := os.ReadFile(filepath.Join(dir, "x y.go"))
		if err != nil {
			t.Fatal(err)
		}
		run("checkout", "-q", "-B", "side")
		commit(edited(r, string(base)) + "side\n")
		run("checkout", "-q", "main")
		commit(edited(r, string(base)) + "main\n")
		if _, err := git(t, dir, "", "merge", "-q", "side"); err != nil {
			commit(edited(r, string(base)) + "both\n")
		}
		out := run("show", "--format=%B", "HEAD")
		if !strings.Contains(out, "\ndiff --cc ") {
			continue
		}
		combined++
		files, err := Parse(out)
		if err != nil || len(files) != 1 || files[0].New != "x y.go" || files[0].Damaged {
			t.Fatalf("%+v, %v\n%s", files, err, out)
		}
		matches(t, files[0], run("show", "HEAD:x y.go"))
	}
	if combined == 0 {
		t.Error("no merge had a conflict")
	}

	put(t, dir, "bin", "a\x00b")
	run("add", "-A")
	run("commit", "-qm", "bytes")
	run("mv", "x y.go", "é.go")
	if err := os.Chmod(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := run("show", "HEAD:x y.go")
	put(t, dir, "é.go", "first\n"+text)
	run("add", "-A")
	run("commit", "-qm", "names")
	files, err := Parse(run("format-patch", "--stdout", "--no-signature", "-2"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i].Hunks = nil
	}
	want := "added \"\" \"bin\" →100644 binary\nmodified \"bin\" \"bin\" 100644→100755\nrenamed \"x y.go\" \"é.go\"\n"
	if got := show(files); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	files, err = Parse(run("show", "--format=", "HEAD"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	matches(t, files[1], run("show", "HEAD:é.go"))
}

// matches holds a file's lines to its text after the change.
func matches(t *testing.T, f File, text string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, h := range f.Hunks {
		for _, l := range h.Lines {
			if l.Op != Delete && lines[l.New-1] != l.Text {
				t.Errorf("line %d is %q, not %q", l.New, lines[l.New-1], l.Text)
			}
		}
	}
}
