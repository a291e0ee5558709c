package diff

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// git runs git in a folder, apart from what the person has set.
func git(t testing.TB, dir string, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	cmd.Stdin = strings.NewReader(stdin)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("git %s: %w: %s", args[0], err, problems.String())
	}
	return out.String(), nil
}

func haveGit(t testing.TB) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no files of such names and modes")
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here to compare with")
	}
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// words makes a text of so many lines, of few different ones, so that they come
// again.
func words(r *rand.Rand, n int, ends ...string) string {
	var b strings.Builder
	for range n {
		b.WriteString([]string{"a", "b", "c", "", "  a", "}", "-- x", "++ y", "@@ -1 +1 @@"}[r.IntN(9)])
		b.WriteString(ends[r.IntN(len(ends))])
	}
	s := b.String()
	if r.IntN(3) == 0 {
		s = strings.TrimSuffix(s, "\n")
	}
	return s
}

// edited changes a text here and there.
func edited(r *rand.Rand, s string) string {
	lines := strings.SplitAfter(s, "\n")
	for range 1 + r.IntN(4) {
		i := r.IntN(len(lines))
		switch r.IntN(3) {
		case 0:
			lines[i] = words(r, 1, "\n")
		case 1:
			lines = append(lines[:i:i], lines[i+1:]...)
		default:
			lines = append(lines[:i:i], append([]string{words(r, 2, "\n")}, lines[i:]...)...)
		}
		if len(lines) == 0 {
			return ""
		}
	}
	return strings.Join(lines, "")
}

// TestGitDiffs reads what git writes of random changes, and makes the changes of it:
// the files must come out as they are, and what is written again must be read as
// the same.
func TestGitDiffs(t *testing.T) {
	haveGit(t)
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	if _, err := git(t, dir, "", "init", "-q"); err != nil {
		t.Fatal(err)
	}
	names := []string{"a.go", "b b/c d.go", "é/\t\".txt", "x -> y", "deep/er/z"}
	before, after := map[string]string{}, map[string]string{}
	for round := range 12 {
		for _, name := range names {
			before[name] = words(r, r.IntN(60), "\n", "\n", "\r\n")
			after[name] = edited(r, before[name])
			put(t, dir, name, before[name])
		}
		if _, err := git(t, dir, "", "add", "-A"); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			put(t, dir, name, after[name])
		}
		for _, flags := range [][]string{{}, {"-U0"}, {"-U9", "--no-prefix"}, {"-M", "--src-prefix=i/", "--dst-prefix=w/"}} {
			out, err := git(t, dir, "", append([]string{"diff"}, flags...)...)
			if err != nil {
				t.Fatal(err)
			}
			files, err := Parse(out)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var again strings.Builder
			for _, f := range files {
				again.WriteString(f.String())
				if f.Damaged || f.Kind != Modified {
					t.Errorf("round %d: %s is %s, damaged %v", round, f.New, f.Kind, f.Damaged)
				}
				if len(flags) > 0 && flags[0] == "-U0" {
					continue // no context to hold to, as git says too
				}
				got, err := Apply(before[f.Path()], f.Hunks)
				if err != nil || got != after[f.Path()] {
					t.Errorf("round %d: %s: %v\n%q\nbecomes\n%q\nnot\n%q", round, f.Path(), err, before[f.Path()], got, after[f.Path()])
				}
			}
			second, err := Parse(again.String())
			if err != nil || show(second) != show(files) {
				t.Errorf("round %d: written again it is %v\n%s\nnot\n%s", round, err, show(second), show(files))
			}
		}
	}
}

// TestApplyAsGit makes changes to texts that are not quite those they were made
// for, and compares with git apply what becomes of them, and whether anything does.
func TestApplyAsGit(t *testing.T) {
	haveGit(t)
	r := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	refused := 0
	const rounds = 250
	for round := range rounds {
		old := words(r, r.IntN(25), "\n")
		new := edited(r, old)
		put(t, dir, "old", old)
		put(t, dir, "new", new)
		out, err := git(t, dir, "", "diff", "--no-index", fmt.Sprintf("-U%d", 1+r.IntN(3)), "old", "new")
		if err == nil {
			continue // no difference
		}
		files, err := Parse(out)
		if err != nil || len(files) != 1 {
			t.Fatalf("%v\n%s", err, out)
		}
		f := files[0]
		f.Old, f.New, f.Kind, f.OldMode, f.NewMode = "x", "x", Modified, "", ""
		for i := range f.Hunks { // where they are to be found, they no longer know
			if r.IntN(2) == 0 {
				shift := min(r.IntN(5), f.Hunks[i].Old.Start, f.Hunks[i].New.Start)
				f.Hunks[i].Old.Start -= shift
				f.Hunks[i].New.Start -= shift
			}
		}
		target := old
		if r.IntN(3) > 0 {
			target = words(r, r.IntN(5), "\n") + "\n" + edited(r, old)
		}
		put(t, dir, "x", target)
		_, gitErr := git(t, dir, f.String(), "apply", "--whitespace=nowarn", "-")
		want, err := os.ReadFile(filepath.Join(dir, "x"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Apply(target, f.Hunks)
		if gitErr != nil {
			refused++
		}
		if (err != nil) != (gitErr != nil) || err == nil && got != string(want) {
			t.Errorf("round %d: %q with\n%s\ngives %q, %v\nand with git %q, %v", round, target, f.String(), got, err, want, gitErr)
		}
	}
	if refused < rounds/10 || refused > rounds*9/10 {
		t.Errorf("git refuses %d of %d: the texts are no test", refused, rounds)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ f\n a\n-b\n\\ No newline\n+c\n")
	f.Add("diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1 -1 +1,2 @@@\n  a\n++b\n")
	f.Add("Index: x\n===\n--- x\t(revision 1)\n+++ x\t(nonexistent)\n@@ -1 +0,0 @@\n-a\n")
	f.Add("diff --git \"a/\\303\\251\" \"b/\\303\\251\"\nrename from \"\\303\\251\"\nrename to z\nOnly in a: b\n")
	f.Add("diff --git a\nrename from x\nrename to\n")
	f.Add("From: a\nContent-Transfer-Encoding: base64\n\nLS0tIGEveAorKysgYi94CkBAIC0xICsxIEBACi1hCiti\n")
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) > 1<<14 {
			t.Skip("long")
		}
		files, err := Parse(in)
		if err != nil {
			return
		}
		for _, file := range files {
			check(t, file)
			if file.Binary || !file.plain() {
				continue
			}
			again, err := Parse(file.String())
			if err != nil || len(again) != 1 {
				t.Fatalf("%q is not read again: %v", file.String(), err)
			}
			if a, b := show([]File{file}), show(again); a != b {
				t.Errorf("read again it is\n%s\nnot\n%s", b, a)
			}
		}
	})
}

// plain reports whether a file is one that String writes in full.
func (f *File) plain() bool {
	if f.Damaged || f.Kind == Added && f.OldMode != "" || f.Kind == Deleted && f.NewMode != "" || f.Kind == Added && f.NewMode == "" || f.Kind == Deleted && f.OldMode == "" ||
		(f.OldMode == "") != (f.NewMode == "") && f.Kind != Added && f.Kind != Deleted {
		return false
	}
	if f.Kind == Modified && f.Old != f.New || strings.ContainsAny(f.OldMode+f.NewMode, "\r\x00") {
		return false
	}
	if f.Kind == Modified && len(f.Hunks) == 0 && (f.OldMode == "" || f.NewMode == "") {
		return false // of svn, or a merge
	}
	for _, h := range f.Hunks {
		for _, l := range h.Lines {
			if l.Op != Add && l.Old == 0 || l.NoEnd && l.Text == "" {
				return false // of a merge
			}
		}
	}
	return true
}

// check holds a file's numbers together.
func check(t *testing.T, f File) {
	t.Helper()
	if f.Path() == "" {
		t.Fatal("a file has no name")
	}
	for _, h := range f.Hunks {
		old, new := first(h.Old), first(h.New)
		merge := false
		for _, l := range h.Lines {
			if strings.Contains(l.Text, "\n") {
				t.Fatalf("line %q has a newline", l.Text)
			}
			if l.Op != Add {
				merge = merge || l.Old == 0
				if l.Old != old && !merge {
					t.Fatalf("old line %d is numbered %d", old, l.Old)
				}
				old++
			}
			if l.Op != Delete {
				if l.New != new {
					t.Fatalf("new line %d is numbered %d", new, l.New)
				}
				new++
			}
		}
		if new != first(h.New)+h.New.Count {
			t.Fatalf("hunk %s has new lines up to %d", h.New, new-1)
		}
	}
}
