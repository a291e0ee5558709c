package change

import (
	"fmt"
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

// TestGitUnderEveryConfiguration compares the diffs of a repository under settings that
// change what git writes with those under none.
func TestGitUnderEveryConfiguration(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: ", err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	config := filepath.Join(dir, "config")
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	ran := filepath.Join(dir, "ran")
	program := filepath.Join(dir, "program")
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		args = append([]string{"-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"}, args...)
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	lines := func(n int, edit ...int) string {
		var b strings.Builder
		for i := range n {
			text := fmt.Sprintf("line %d of many\n", i)
			if slices.Contains(edit, i) {
				text = fmt.Sprintf("changed %d of many\n\n", i)
			}
			b.WriteString(text)
		}
		return b.String()
	}
	write(config, "", 0o600)
	write(program, "#!/bin/sh\ntouch "+ran+"\ncat \"$1\" 2>/dev/null\nexit 0\n", 0o700)
	repo := filepath.Join(dir, "repo")
	run("init", "-q", "-b", "main", "lib")
	write("lib/l.c", "l\n", 0o644)
	run("-C", "lib", "add", ".")
	run("-C", "lib", "commit", "-qm", "l")
	run("init", "-q", "-b", "main", "repo")
	t.Chdir(repo)
	run("submodule", "--quiet", "add", filepath.Join(dir, "lib"), "lib")
	write("b.txt", lines(60), 0o644)
	write("old.txt", lines(40, 3), 0o644)
	write("sub/a.txt", lines(30), 0o644)
	write("sub/\u00fc \"q\"\t.txt", "one\n", 0o644)
	write(".gitattributes", "*.txt diff=driver\n", 0o644)
	run("add", ".")
	run("commit", "-qm", "first")
	write("b.txt", lines(60, 5, 12, 40), 0o644)
	run("mv", "old.txt", "renamed.txt")
	write("renamed.txt", lines(40, 3, 20), 0o644)
	write("sub/a.txt", lines(30, 7), 0o644)
	write("sub/\u00fc \"q\"\t.txt", "two\n", 0o644)
	write("lib/l.c", "m\n", 0o644)
	run("-C", "lib", "commit", "-qam", "m")
	selections := map[string]Selection{"not staged": {}, "staged": {Staged: true}, "commit": {Commit: "HEAD"}, "range": {Revisions: "HEAD~1"}}
	run("add", ".")
	run("commit", "-qm", "second")
	write("b.txt", lines(60, 5, 12, 40, 50), 0o644)
	run("mv", "renamed.txt", "again.txt")
	write("sub/a.txt", lines(30, 7, 9), 0o644)
	run("add", "sub")
	write("sub/a.txt", lines(30, 7, 9, 25), 0o644)
	diffs := func() map[string]string {
		t.Helper()
		all := map[string]string{}
		for name, s := range selections {
			files, err := Git(t.Context(), s)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for i := range files {
				all[name] += files[i].String()
			}
		}
		// Paths are patterns relative to the current folder, whatever the environment says.
		files, err := Git(t.Context(), Selection{Revisions: "HEAD~1"}, "*.txt")
		if err != nil {
			t.Error(err)
		}
		for i := range files {
			all["with paths"] += files[i].String()
		}
		all["untracked"] = fmt.Sprint(Untracked(t.Context()))
		return all
	}
	t.Chdir("sub") // diff.relative has an effect here
	want := diffs()
	for _, part := range []string{"--- a/b.txt", "rename from renamed.txt", "Subproject commit", `\"q\"\t.txt`} {
		if !strings.Contains(want["range"], part) && !strings.Contains(want["staged"], part) {
			t.Fatalf("%q is not in\n%s\n%s", part, want["range"], want["staged"])
		}
	}
	check := func(t *testing.T) {
		t.Helper()
		for name, got := range diffs() {
			if got != want[name] {
				t.Errorf("%s: the diff is\n%s\nwant\n%s", name, got, want[name])
			}
		}
		if _, err := os.Stat(ran); err == nil {
			t.Error("git ran a program")
			_ = os.Remove(ran)
		}
	}
	write(filepath.Join(dir, "order"), "sub/*\n", 0o600)
	for _, setting := range []string{
		"diff.relative=true", "diff.noprefix=true", "diff.mnemonicPrefix=true", "diff.srcPrefix=x/", "diff.dstPrefix=y/",
		"diff.external=" + program, "diff.driver.command=" + program, "diff.driver.textconv=" + program, "diff.driver.wordRegex=.", "diff.driver.algorithm=patience",
		"color.ui=always", "color.diff=always", "diff.colorMoved=zebra", "diff.wsErrorHighlight=all", "color.diff.meta=normal",
		"diff.submodule=log", "diff.submodule=diff", "diff.ignoreSubmodules=all", "submodule.lib.ignore=all", "diff.renames=false", "diff.renames=copies", "diff.renameLimit=1",
		"diff.orderFile=" + filepath.Join(dir, "order"), "diff.wordRegex=.", "diff.context=0", "diff.interHunkContext=20", "diff.algorithm=patience", "diff.algorithm=histogram", "diff.indentHeuristic=false",
		"diff.suppressBlankEmpty=true", "diff.autoRefreshIndex=false", "diff.statGraphWidth=3", "diff.noIndex=true", "core.quotePath=true", "core.quotePath=false",
		"core.pager=" + program, "pager.diff=" + program, "pager.show=true", "core.fsmonitor=" + program,
		"log.showSignature=true", "log.showRoot=false", "log.follow=true", "log.diffMerges=combined", "format.pretty=fuller", "gpg.program=" + program, "core.abbrev=40",
		"i18n.logOutputEncoding=ISO-8859-1", "core.whitespace=tab-in-indent", "log.decorate=full", "alias.diff=!" + program,
	} {
		t.Run(setting, func(t *testing.T) {
			key, value, _ := strings.Cut(setting, "=")
			write(config, "", 0o600)
			run("config", "--global", key, value)
			check(t)
		})
	}
	write(config, "", 0o600)
	for _, variable := range []string{
		"GIT_EXTERNAL_DIFF=" + program, "GIT_DIFF_OPTS=--unified=0", "GIT_PAGER=" + program, "GIT_PAGER_IN_USE=1", "GIT_TRACE=1", "GIT_TRACE2=1",
		"GIT_LITERAL_PATHSPECS=1", "GIT_NOGLOB_PATHSPECS=1", "GIT_ICASE_PATHSPECS=1", "GIT_ATTR_SOURCE=HEAD", "GIT_PREFIX=x/", "GIT_NOTES_DISPLAY_REF=*",
		"GIT_CONFIG_PARAMETERS='diff.noprefix=true' 'diff.relative=true'", "LC_ALL=de_DE.UTF-8", "COLUMNS=10", "TERM=xterm-256color",
	} {
		t.Run(variable, func(t *testing.T) {
			name, value, _ := strings.Cut(variable, "=")
			t.Setenv(name, value)
			check(t)
		})
	}
	t.Run("GIT_CONFIG_COUNT", func(t *testing.T) {
		for name, value := range map[string]string{"COUNT": "1", "KEY_0": "diff.relative", "VALUE_0": "true"} {
			t.Setenv("GIT_CONFIG_"+name, value)
		}
		check(t)
	})
}

// TestGitElsewhere checks that the variables that say where a repository is are obeyed,
// and that a merge is compared with its first parent.
func TestGitElsewhere(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: ", err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"} {
		t.Setenv(name, os.DevNull)
	}
	t.Chdir(dir)
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-C", "tree", "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join("tree", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run("add", name)
		run("commit", "-qm", name)
	}
	if err := os.MkdirAll("tree/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	run("init", "-q", "-b", "main")
	write("a", "1\n")
	run("checkout", "-qb", "side")
	write("b", "1\n")
	run("checkout", "-q", "main")
	write("c", "1\n")
	run("merge", "-q", "--no-edit", "side")
	if err := os.Rename("tree/.git", "git"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_DIR", filepath.Join(dir, "git"))
	t.Setenv("GIT_WORK_TREE", filepath.Join(dir, "tree"))
	t.Chdir("tree/sub")
	if root, ok, err := Root("."); err != nil || !ok || root != filepath.Join(dir, "tree") {
		t.Errorf("the root is %s, %v, %v", root, ok, err)
	}
	files, err := Git(t.Context(), Selection{Commit: "HEAD"})
	if err != nil || len(files) != 1 || files[0].New != "b" {
		t.Errorf("the merge has %+v, %v", files, err)
	}
}
