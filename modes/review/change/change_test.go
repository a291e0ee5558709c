package change

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/review/diff"
)

const someDiff = "--- a/a.go\n+++ b/a.go\n@@ -1 +1 @@\n-old\n+new\n"

func TestParse(t *testing.T) {
	units := utf16.Encode([]rune("\ufeff" + someDiff))
	var wide []byte
	for _, u := range units {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for name, data := range map[string][]byte{"UTF-8": []byte(someDiff), "with its mark": []byte("\ufeff" + someDiff), "UTF-16": wide} {
		files, err := Parse("x.diff", data)
		if err != nil || len(files) != 1 || files[0].New != "a.go" {
			t.Errorf("%s: %+v, %v", name, files, err)
		}
	}
	latin := strings.Replace(someDiff, "new", "caf\xe9", 1)
	if files, err := Parse("x.diff", []byte(latin)); err != nil || !strings.Contains(files[0].Hunks[0].Lines[1].Text, "caf\xe9") {
		t.Errorf("the bytes of a line change: %+v, %v", files, err)
	}
	_, err := Parse("x.diff", []byte("hello"))
	if _, advice := fault.Explain(err); fault.KindOf(err) != fault.Invalid || !strings.HasPrefix(err.Error(), "cannot review x.diff: ") || advice == "" {
		t.Errorf("no diff: %v, %q", err, advice)
	}
}

func TestGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: ", err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"} {
		t.Setenv(name, os.DevNull)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	names := func(files []diff.File) (list []string) {
		for _, f := range files {
			list = append(list, f.New)
		}
		return list
	}
	if list, err := List(t.Context()); err != nil || list != nil {
		t.Errorf("outside a repository: %+v, %v", list, err)
	}
	run("init", "-q")
	put("a.go", "one\n")
	put("sub/b.go", "one\n")
	run("add", ".")
	run("commit", "-qm", "begin")
	put("a.go", "two\n")
	run("add", "a.go")
	if files, staged, err := Current(t.Context()); err != nil || !staged || !slices.Equal(names(files), []string{"a.go"}) {
		t.Errorf("only staged: %v, %v, %v", names(files), staged, err)
	}
	put("sub/b.go", "two\n")
	put("c.go", "new\n")
	if files, staged, err := Current(t.Context()); err != nil || staged || !slices.Equal(names(files), []string{"sub/b.go"}) {
		t.Errorf("not staged: %v, %v, %v", names(files), staged, err)
	}
	if n := Untracked(t.Context()); n != 1 {
		t.Errorf("%d files are untracked, want 1", n)
	}
	list, err := List(t.Context())
	var got []string
	for _, c := range list {
		got = append(got, c.Name+": "+strings.Join(names(c.Files), " ")+c.About)
	}
	if want := []string{"not staged: sub/b.go", "staged: a.go", "last commit: a.go sub/b.gobegin"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if files, err := Git(t.Context(), Selection{Revisions: "HEAD"}, "sub"); err != nil || !slices.Equal(names(files), []string{"sub/b.go"}) {
		t.Errorf("a range in a folder: %v, %v", names(files), err)
	}
	if _, err := Git(t.Context(), Selection{Commit: "no-such"}); fault.KindOf(err) != fault.Invalid || !strings.HasPrefix(err.Error(), "git show failed: ") {
		t.Errorf("an unknown commit: %v", err)
	}

	root, _, err := Root("sub")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("sub")
	put("x.diff", someDiff)
	put("raw", "a\x00")
	whole, err := Whole(t.Context(), root, []string{"b.go", "x.diff", "raw", ".."})
	if want := []string{"sub/b.go", "a.go", "sub/raw", "a.go", "c.go", "sub/b.go", "sub/raw", "sub/x.diff"}; err != nil || !slices.Equal(names(whole.Files), want) {
		t.Errorf("whole files: %q, %v, want %q", names(whole.Files), err, want)
	}
	if want := []string{"sub/b.go", "sub/raw"}; !slices.Equal(whole.Named, want) || !whole.Files[2].Binary {
		t.Errorf("named %q, want %q", whole.Named, want)
	}
}
