package diff

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// changed is a text before and after a change, with lines like those of a diff.
const (
	before = "one\n\tindented here\ntwo old words\n    spaces\n- item\nthree\nfour\nfive\n+plus\nlast"
	after  = "one\n\tindented there  \ntwo new words\n    blanks\n- item\nthree\nfour\n\nfive\n+plus\nlast\n"
)

// output returns what a program writes about the change, which exits with an error.
func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"a": before, "b": after} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), program, append(args, "a", "b")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "TERM=xterm")
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Skipf("%s %s: %v", program, args, err)
	}
	return string(out)
}

// TestColours checks that colours make no difference, whatever they are.
func TestColours(t *testing.T) {
	git := func(args ...string) string { return output(t, "git", append(args, "diff", "--no-index")...) }
	plain, err := Parse(git())
	if err != nil || len(plain) != 1 {
		t.Fatal(plain, err)
	}
	for _, settings := range []string{
		"", "color.diff.meta=normal", "color.diff.meta=normal color.diff.frag=normal", "color.diff.context=blue", "color.diff.old=normal color.diff.new=normal",
		"diff.wsErrorHighlight=all", "diff.colorMoved=zebra", "color.diff.new=#ff8800 bold", "color.diff.context=normal color.diff.old=normal color.diff.frag=normal",
	} {
		args := []string{"-c", "color.ui=always"}
		for _, s := range strings.Fields(settings) {
			if !strings.Contains(s, "=") { // the end of a value with a space
				args[len(args)-1] += " " + s
				continue
			}
			args = append(args, "-c", s)
		}
		text := git(args...)
		files, err := Parse(text)
		if err != nil || len(files) != 1 || files[0].String() != plain[0].String() {
			t.Errorf("%q: %v, %+v", settings, err, files)
		}
	}
	if files, err := Parse(output(t, "diff", "-u", "--color=always")); err != nil || len(files) != 1 || len(files[0].Hunks) != 1 || files[0].Damaged {
		t.Errorf("diff --color: %v, %+v", err, files)
	}
	// Escape sequences in a file are its own.
	text := "From: x\n\x1b[1m+++ not a diff\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+\x1b[31mred\x1b[m\n"
	if files, err := Parse(text); err != nil || files[0].Hunks[0].Lines[1].Text != "\x1b[31mred\x1b[m" {
		t.Errorf("a file with escape sequences: %v, %+v", err, files)
	}
}

// TestOtherFormats checks that what is not a unified diff is refused by its name.
func TestOtherFormats(t *testing.T) {
	for _, tt := range []struct{ want, command string }{
		{"word", "git diff --no-index --word-diff"},
		{"word", "git diff --no-index --word-diff=porcelain"},
		{"word", "git diff --no-index --word-diff=color --color=always"},
		{"word", "git diff --no-index --color-words --color=always"},
		{"word", "git diff --no-index --word-diff=plain --color=always"},
		{"stat", "git diff --no-index --stat"},
		{"stat", "git diff --no-index --stat --color=always"},
		{"numstat", "git diff --no-index --numstat"},
		{"name-status", "git diff --no-index --name-status"},
		{"raw", "git diff --no-index --raw"},
		{"with a prefix before each line", "git diff --no-index --line-prefix=|"},
		{"context", "diff -c"},
		{"normal", "diff"},
		{"ed", "diff -e"},
		{"RCS", "diff -n"},
		{"side-by-side", "diff -y"},
		{"brief", "diff -q"},
	} {
		words := strings.Fields(tt.command)
		_, err := Parse(output(t, words[0], words[1:]...))
		if err == nil || fault.KindOf(err) != fault.Usage || err.Error() != "unsupported diff format "+tt.want+": want unified" {
			t.Errorf("%s: %v, want %s", tt.command, err, tt.want)
		}
	}
	// A word diff of indented lines has lines that look like context.
	if _, err := Parse("--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n one\n two [-old-]{+new+}\n three\n"); err == nil {
		t.Error("a word diff of indented lines is accepted")
	}
	// A damaged diff is not a word diff.
	if files, err := Parse("--- a/f\n+++ b/f\n@@ -1,9 +1,9 @@\n-a = \"[-x-]\"\n+b = \"{+x+}\"\n"); err != nil || !files[0].Damaged {
		t.Errorf("a damaged diff: %v", err)
	}
}
