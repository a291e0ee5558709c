package diff

import (
	"strings"
	"testing"
)

// damaged reports whether a file of a diff is damaged, or it has none.
func damaged(t *testing.T, in string) bool {
	t.Helper()
	files, err := Parse(in)
	for _, f := range files {
		if f.Damaged {
			return true
		}
	}
	return err != nil
}

func TestDamaged(t *testing.T) {
	const (
		head = "diff --git a/a.go b/a.go\nindex 83db48f..bf2a2c8 100644\n"
		name = "--- a/a.go\n+++ b/a.go\n"
		hunk = "@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n"
		body = " a\n-b\n+c\n d\n"
		svn  = "Index: a.go\n===================================================================\n"
	)
	rename := func(share string) string {
		return "diff --git a/a.go b/b.go\nsimilarity index " + share + "\nrename from a.go\nrename to b.go\n"
	}
	for name, in := range map[string]string{
		"count too large":            head + name + "@@ -1,5 +1,99999999999999999999 @@\n" + body,
		"counts that wrap around":    head + name + "@@ -1,4294967297 +1,4294967297 @@\n" + body,
		"letters for numbers":        head + name + "@@ -a,b +c,d @@\n" + body,
		"no numbers":                 head + name + "@@ @@\n" + body,
		"one @":                      head + name + "@ -1,3 +1,3 @@\n" + body,
		"no header of a hunk":        head + name + body,
		"empty hunk":                 head + name + "@@ -1,0 +1,0 @@\n",
		"empty hunk before lines":    head + name + "@@ -1,0 +1,0 @@\n" + body,
		"no hunk":                    head + name,
		"no +++":                     head + "--- a/a.go\n" + hunk,
		"no names":                   head + hunk,
		"no names and no header":     head + body,
		"only a header":              head,
		"only its first line":        "diff --git a/a.go b/a.go\n",
		"mode and lines":             "diff --git a/a.go b/a.go\nold mode 100644\nnew mode 100755\n" + body,
		"half of the modes":          "diff --git a/a.go b/a.go\nold mode 100644\n",
		"mode and contents":          "diff --git a/a.go b/a.go\nold mode 100644\nnew mode 100755\nindex 83db48f..bf2a2c8\n",
		"renamed and changed":        rename("90%"),
		"renamed, lines":             rename("100%") + body,
		"half of a rename":           "diff --git a/a.go b/b.go\nsimilarity index 100%\nrename from a.go\n",
		"new file":                   "diff --git a/a.go b/a.go\nnew file mode 100644\nindex 0000000..bf2a2c8\n",
		"binary and lines":           head + "Binary files a/a.go and b/a.go differ\n" + hunk,
		"deleted with new lines":     head + "--- a/a.go\n+++ /dev/null\n" + hunk,
		"a later header":             head + name + hunk + "@@ -x +9 @@\n+e\n",
		"a later header without @@":  head + name + hunk + "@ -9 +9 @@\n-e\n+f\n",
		"a wrapped line":             head + name + hunk + "wrapped\n@@ -9 +9 @@\n-e\n+f\n",
		"in the second file":         head + name + hunk + "diff --git a/b.go b/b.go\n--- a/b.go\n+++ b/b.go\n@@ -1,3 +1,3 @\n" + body,
		"diff -u":                    name + body,
		"diff -u, no hunk":           name,
		"merge":                      "diff --cc a.go\nindex 1,2..3\n" + name + "@@@ -1 -1 1 @@@\n++a\n",
		"merge, no header of a hunk": "diff --cc a.go\nindex 1,2..3\n" + name + "++a\n",
		"merge, cut":                 "diff --cc a.go\nindex 1,2..3\n" + name + "@@@ -1,2 -1,2 +1,2 @@@\n  a\n",
		"merge, too many lines":      "diff --cc a.go\nindex 1,2..3\n" + name + "@@@ -1,2 -1 +1 @@@\n  a\n++b\n",
		"svn":                        svn + name + body,
		"svn, no names":              svn + hunk,
		"svn, only lines":            svn + body,
		"svn, one name":              svn + "--- a.go\t(revision 1)\n",
	} {
		if !damaged(t, in) || !damaged(t, strings.ReplaceAll(in, "\n", "\r\n")) {
			t.Errorf("%s is not damaged:\n%s", name, in)
		}
	}
	rule := strings.Repeat("_", 67)
	for name, in := range map[string]string{
		"empty file":              "diff --git a/a b/a\nnew file mode 100644\nindex 0000000..e69de29\n",
		"empty file, SHA-256":     "diff --git a/a b/a\nnew file mode 100644\nindex 000000000000..473a0f4c3be8\n",
		"deleted without text":    "diff --git a/a b/a\ndeleted file mode 100644\nindex bf2a2c8..0000000\n",
		"deleted empty file":      "diff --git a/a b/a\ndeleted file mode 100644\nindex e69de29..0000000\n",
		"mode":                    "diff --git a/a b/a\nold mode 100644\nnew mode 100755\n",
		"renamed":                 rename("100%"),
		"renamed, Mercurial":      "diff --git a/a b/b\nrename from a\nrename to b\n",
		"copied":                  "diff --git a/a b/b\nsimilarity index 100%\ncopy from a\ncopy to b\n",
		"binary, Mercurial":       "diff -r 0123 -r 4567 a\nBinary file a has changed\n",
		"binary, hg --git":        "diff --git a/a b/a\nBinary file a has changed\n",
		"binary, svn --git":       "Index: a\n===\ndiff --git a/a b/a\nCannot display: file marked as a binary type.\nsvn:mime-type = application/octet-stream\n",
		"merge without hunks":     "diff --cc a\nindex 28ce6a8,b478595..0000000\n--- a/a\n+++ b/a\n",
		"merge, lines not shown":  "diff --cc a\nindex 1,2..3\n--- a/a\n+++ b/a\n@@@ -1,4 -1,2 +1,3 @@@\n  a\n- b\n++c\n  d\n@@@ -9,2 -9 +9 @@@\n +e\n\ncommit 0123\n",
		"merge of binary files":   "diff --cc a\nindex 28ce6a8,b478595..0000000\nBinary files differ\n",
		"properties":              svn + "\nProperty changes on: a.go\n" + rule + "\nAdded: svn:executable\n## -0,0 +1 ##\n+*\n\\ No newline at end of property\n",
		"properties, old svn":     svn + "\nEigenschaftsänderungen: a.go\n" + rule + "\nHinzugefügt: svn:executable\n   + *\n",
		"properties after names":  svn + "--- a.go\t(revision 1)\n+++ a.go\t(working copy)\n\nProperty changes on: a.go\n" + rule + "\nAdded: svn:executable\n## -0,0 +1 ##\n+*\n",
		"properties, svn --git":   svn + "diff --git a/a.go b/a.go\n--- a/a.go\t(revision 1)\n+++ b/a.go\t(working copy)\n\nProperty changes on: a.go\n" + rule + "\nAdded: x\n## -0,0 +1 ##\n+*\n",
		"properties and lines":    svn + name + hunk + "\nProperty changes on: a.go\n" + rule + "\nAdded: x\n## -0,0 +1 ##\n+*\n",
		"empty file, svn":         svn + svn + name + hunk,
		"log":                     head + name + hunk + "\ncommit 0123\nAuthor: a <a@b>\n\n    Subject\n\n    - a list\n\n" + rename("100%") + "\ncommit 4567\n\n    Subject\n",
		"mail after a rename":     rename("100%") + "-- \n2.39.5\n\nFrom 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nSubject: long\n subject\n\n- a list\n---\n a.go | 2 +-\n 1 file changed\n\n" + head + name + hunk + "-- \n2.39.5\n",
		"mail with an attachment": head + name + hunk + "\n--------------2.39.5--\n\n\n",
		"Mercurial's export":      "# HG changeset patch\n# User a\n\ndiff -r 0123 a.go\n" + name + hunk + "# HG changeset patch\n# User a\n#  and more\n\ndiff -r 0123 b.go\n" + name + hunk,
	} {
		if damaged(t, in) || damaged(t, strings.ReplaceAll(in, "\n", "\r\n")) {
			t.Errorf("%s is damaged:\n%s", name, in)
		}
	}
}

// TestCut cuts git's diffs after each line, and removes each line of the hunks: what is
// missing must not go unnoticed.
func TestCut(t *testing.T) {
	for name, in := range map[string]string{
		"changed":   "diff --git a/x b/x\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n@@ -9 +9,2 @@ f\n e\n+f\n",
		"renamed":   "diff --git a/x b/y\nsimilarity index 80%\nrename from x\nrename to y\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/y\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
		"shortened": "diff --git a/x b/x\nindex 1234567..89abcde 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n a\n-b\n",
	} {
		lines := strings.SplitAfter(strings.TrimSuffix(in, "\n"), "\n")
		lines[len(lines)-1] += "\n"
		inHunk := false
		for i, line := range lines {
			last := i+1 == len(lines) || strings.HasPrefix(lines[i+1], "@@ -9") // it looks complete
			if !last && !damaged(t, strings.Join(lines[:i+1], "")) {
				t.Errorf("%s: cut after %q, it is not damaged", name, line)
			}
			inHunk = inHunk || strings.HasPrefix(line, "@@")
			if inHunk && !damaged(t, strings.Join(lines[:i], "")+strings.Join(lines[i+1:], "")) {
				t.Errorf("%s: without %q, it is not damaged", name, line)
			}
		}
	}
}
