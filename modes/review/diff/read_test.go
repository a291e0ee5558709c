package diff

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// show writes files down for comparison: a line for each, then its hunks with
// both numbers of each line.
func show(files []File) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%s %q %q", f.Kind, f.Old, f.New)
		if f.OldMode != "" || f.NewMode != "" {
			fmt.Fprintf(&b, " %s→%s", f.OldMode, f.NewMode)
		}
		if f.Binary {
			b.WriteString(" binary")
		}
		if f.Damaged {
			b.WriteString(" damaged")
		}
		b.WriteByte('\n')
		for _, h := range f.Hunks {
			fmt.Fprintf(&b, "@ %s %s %q\n", h.Old, h.New, h.Section)
			for _, l := range h.Lines {
				fmt.Fprintf(&b, "%d %d %c%q", l.Old, l.New, l.Op, l.Text)
				if l.NoEnd {
					b.WriteString(" no end")
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

func TestParse(t *testing.T) {
	hunk := text("@@ -1,2 +1,2 @@", " a", "-b", "+c")
	shown := text(`@ 1,2 1,2 ""`, `1 1  "a"`, `2 0 -"b"`, `0 2 +"c"`)
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", " \n", ""},
		{
			"git",
			text("diff --git a/x.go b/x.go", "index 83db48f..bf2a2c8 100644", "--- a/x.go", "+++ b/x.go", "@@ -10,3 +10,4 @@ func f() {", " a", "-b", "+c", "+d", " e", "@@ -20 +21 @@", "-f", "+g"),
			text(`modified "x.go" "x.go"`, `@ 10,3 10,4 "func f() {"`, `10 10  "a"`, `11 0 -"b"`, `0 11 +"c"`, `0 12 +"d"`, `12 13  "e"`, `@ 20 21 ""`, `20 0 -"f"`, `0 21 +"g"`),
		},
		{
			"two files",
			text("diff --git a/x b/x", "--- a/x", "+++ b/x") + hunk + text("diff --git a/y b/y", "--- a/y", "+++ b/y") + hunk,
			"modified \"x\" \"x\"\n" + shown + "modified \"y\" \"y\"\n" + shown,
		},
		{"no prefix", text("diff --git x/y.go x/y.go", "--- x/y.go", "+++ x/y.go") + hunk, "modified \"x/y.go\" \"x/y.go\"\n" + shown},
		{"mnemonic prefix", text("diff --git i/x w/x", "--- i/x", "+++ w/x") + hunk, "modified \"x\" \"x\"\n" + shown},
		{"spaces", text("diff --git a/x y b/x y", "--- a/x y\t", "+++ b/x y\t") + hunk, "modified \"x y\" \"x y\"\n" + shown},
		{"quoted", text(`diff --git "a/\303\251\t.txt" "b/\303\251\t.txt"`, `--- "a/\303\251\t.txt"`, `+++ "b/\303\251\t.txt"`) + hunk, "modified \"é\\t.txt\" \"é\\t.txt\"\n" + shown},
		{
			"added",
			text("diff --git a/x b/x", "new file mode 100755", "index 0000000..bf2a2c8", "--- /dev/null", "+++ b/x", "@@ -0,0 +1,2 @@", "+a", "+b"),
			text(`added "" "x" →100755`, `@ 0,0 1,2 ""`, `0 1 +"a"`, `0 2 +"b"`),
		},
		{
			"deleted",
			text("diff --git a/x b/x", "deleted file mode 100644", "index bf2a2c8..0000000", "--- a/x", "+++ /dev/null", "@@ -1 +0,0 @@", "-a"),
			text(`deleted "x" "" 100644→`, `@ 1 0,0 ""`, `1 0 -"a"`),
		},
		{"added empty", text("diff --git a/x b/x", "new file mode 100644", "index 0000000..e69de29"), "added \"\" \"x\" →100644\n"},
		{"renamed", text("diff --git a/x y b/z", "similarity index 100%", "rename from x y", "rename to z"), "renamed \"x y\" \"z\"\n"},
		{"renamed and changed", text("diff --git a/x b/z", "similarity index 90%", "rename from x", "rename to z", "index 1..2 100644", "--- a/x", "+++ b/z") + hunk, "renamed \"x\" \"z\"\n" + shown},
		{"copied", text("diff --git a/x b/z", "similarity index 100%", "copy from x", "copy to z"), "copied \"x\" \"z\"\n"},
		{"mode", text("diff --git a/x b/x", "old mode 100644", "new mode 100755"), "modified \"x\" \"x\" 100644→100755\n"},
		{"binary", text("diff --git a/x b/x", "index 1..2 100644", "Binary files a/x and b/x differ"), "modified \"x\" \"x\" binary\n"},
		{"binary patch", text("diff --git a/x b/x", "index 1..2 100644", "GIT binary patch", "literal 3", "Kc${Nk-~s>u", "", "literal 0", "HcmV?d00001", "", "diff --git a/y b/y", "new file mode 100644"), "modified \"x\" \"x\" binary\nadded \"\" \"y\" →100644\n"},
		{
			"no newline",
			text("--- a/x", "+++ b/x", "@@ -1 +1 @@", "-a", `\ No newline at end of file`, "+b", `\ No newline at end of file`),
			text(`modified "x" "x"`, `@ 1 1 ""`, `1 0 -"a" no end`, `0 1 +"b" no end`),
		},
		{
			"merge",
			text("diff --cc x.go", "index 1,2..3", "mode 100644,100644..100755", "--- a/x.go", "+++ b/x.go", "@@@ -1,3 -1,3 +1,4 @@@ func f", "  a", "- b", " -c", "++d", "+ e", " +f"),
			text(`modified "x.go" "x.go" 100644→100755`, `@ 1,3 1,4 "func f"`, `0 1  "a"`, `0 0 -"b"`, `0 0 -"c"`, `0 2 +"d"`, `0 3 +"e"`, `0 4 +"f"`),
		},
		{
			"content with CRLF",
			text("diff --git a/x b/x", "--- a/x", "+++ b/x", "@@ -1,2 +1,2 @@", " a\r", "-b\r", "+c\r"),
			text(`modified "x" "x"`, `@ 1,2 1,2 ""`, `1 1  "a\r"`, `2 0 -"b\r"`, `0 2 +"c\r"`),
		},
		{"sent with CRLF", strings.ReplaceAll(text("diff --git a/x b/x", "--- a/x", "+++ b/x")+hunk, "\n", "\r\n"), "modified \"x\" \"x\"\n" + shown},
		{
			"trimmed",
			text("--- a/x", "+++ b/x", "@@ -1,3 +1,3 @@", "", "-b", "+c", "") + "junk\n",
			text(`modified "x" "x"`, `@ 1,3 1,3 ""`, `1 1  ""`, `2 0 -"b"`, `0 2 +"c"`, `3 3  ""`),
		},
		{
			"lines like headers",
			text("--- a/x", "+++ b/x", "@@ -1,2 +1,2 @@", "--- a", "+++ b", " @@ -1 +1 @@"),
			text(`modified "x" "x"`, `@ 1,2 1,2 ""`, `1 0 -"-- a"`, `0 1 +"++ b"`, `2 2  "@@ -1 +1 @@"`),
		},
		{
			"mails",
			text("From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001", "From: A <a@b>", "Subject: [PATCH] x", "", "Only in here: words", "---", " x | 2 +-", " 1 file changed", "",
				"diff --git a/x b/x", "--- a/x", "+++ b/x") + hunk + text("-- ", "2.39.5", "", "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001", "Subject: y", "", "diff --git a/y b/y", "--- a/y", "+++ b/y") + hunk + text("-- ", "2.39.5"),
			"modified \"x\" \"x\"\n" + shown + "modified \"y\" \"y\"\n" + shown,
		},
		{
			"quoted-printable mail",
			text("From: A <a@b>", "Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: quoted-printable", "", "--- a/x", "+++ b/x", "@@ -1 +1 @@", "-a=3Db", "+a =3D =C3=A9 =", "long"),
			text(`modified "x" "x"`, `@ 1 1 ""`, `1 0 -"a=b"`, `0 1 +"a = é long"`),
		},
		{
			"base64 mail",
			text("Subject: x", "content-transfer-encoding: BASE64", "", "LS0tIGEveAorKysgYi94CkBAIC0xICsxIEBACi1hCiti", "Cg=="),
			text(`modified "x" "x"`, `@ 1 1 ""`, `1 0 -"a"`, `0 1 +"b"`),
		},
		{"diff -u", text("--- old.c\t2024-05-01 10:00:00.000000000 +0200", "+++ new.c\t2024-05-01 10:01:00.000000000 +0200") + hunk, "modified \"old.c\" \"new.c\"\n" + shown},
		{
			"diff -ruN",
			text("diff -ruN old/x new/x", "--- old/x\t1970-01-01 01:00:00.000000000 +0100", "+++ new/x\t2024-05-01 10:01:00.000000000 +0200", "@@ -0,0 +1 @@", "+a", "Only in new: y", "Only in old: z", "Binary files old/b and new/b differ"),
			text(`added "" "new/x"`, `@ 0,0 1 ""`, `0 1 +"a"`, `added "" "new/y"`, `added "" "old/z"`, `modified "old/b" "new/b" binary`),
		},
		{
			"svn",
			text("Index: x.c", strings.Repeat("=", 67), "--- x.c\t(revision 3)", "+++ x.c\t(working copy)") + hunk +
				text("Index: new.c", strings.Repeat("=", 67), "--- new.c\t(nonexistent)", "+++ new.c\t(working copy)", "@@ -0,0 +1 @@", "+a",
					"Index: pic.png", strings.Repeat("=", 67), "Cannot display: file marked as a binary type.", "svn:mime-type = application/octet-stream",
					"Index: run.sh", strings.Repeat("=", 67), "--- run.sh\t(revision 3)", "+++ run.sh\t(working copy)", "", "Property changes on: run.sh", strings.Repeat("_", 67), "Added: svn:executable", "## -0,0 +1 ##", "+*", `\ No newline at end of property`,
					"Index: only.sh", strings.Repeat("=", 67), "", "Property changes on: only.sh"),
			"modified \"x.c\" \"x.c\"\n" + shown + text(`added "" "new.c"`, `@ 0,0 1 ""`, `0 1 +"a"`, `modified "pic.png" "pic.png" binary`, `modified "run.sh" "run.sh"`, `modified "only.sh" "only.sh"`),
		},
		{"svn --git", text("Index: x", strings.Repeat("=", 67), "diff --git a/trunk/x b/trunk/x", "--- a/trunk/x\t(revision 3)", "+++ b/trunk/x\t(working copy)") + hunk, "modified \"trunk/x\" \"trunk/x\"\n" + shown},
		{"mercurial", text("diff -r 0123 x.py", "--- a/x.py\tThu Jan 01 00:00:00 1970 +0000", "+++ b/x.py\tMon Nov 24 10:00:00 2025 +0000", "@@ -0,0 +1,1 @@", "+a"), text(`added "" "x.py"`, `@ 0,0 1 ""`, `0 1 +"a"`)},
		{
			"cut off",
			text("diff --git a/x b/x", "--- a/x", "+++ b/x", "@@ -1,5 +1,5 @@", " a", "-b"),
			text(`modified "x" "x" damaged`, `@ 1,2 1 ""`, `1 1  "a"`, `2 0 -"b"`),
		},
		{
			"too few announced",
			text("--- a/x", "+++ b/x", "@@ -1,1 +1,1 @@", "-a", "+b", "+c", " d", "@@ -9 +9 @@", "-e", "+f"),
			text(`modified "x" "x" damaged`, `@ 1 1 ""`, `1 0 -"a"`, `0 1 +"b"`, `@ 9 9 ""`, `9 0 -"e"`, `0 9 +"f"`),
		},
		{
			"next file comes early",
			text("diff --git a/x b/x", "--- a/x", "+++ b/x", "@@ -1,9 +1,9 @@", " a", "diff --git a/y b/y", "old mode 100644", "new mode 100755"),
			text(`modified "x" "x" damaged`, `@ 1 1 ""`, `1 1  "a"`, `modified "y" "y" 100644→100755`),
		},
		{"wild numbers", text("--- a/x", "+++ b/x", "@@ -1,99999999999 +1 @@", "-a", "@@ -0,5 +1 @@", "@@@ -1 +1 @@@"), "modified \"x\" \"x\" damaged\n"},
		{"zero byte", text("--- a/x", "+++ b/x", "@@ -1 +1 @@", "-a\x00", "+b"), text(`modified "x" "x"`, `@ 1 1 ""`, `1 0 -"a\x00"`, `0 1 +"b"`)},
		{"words", text("diff --git is what git writes", "", "--- a/x", "+++ b/x") + hunk, "modified \"x\" \"x\"\n" + shown},
		{"escape", text("diff --git a/../../etc/passwd b/../../etc/passwd", "--- a/../../etc/passwd", "+++ b/../../etc/passwd") + hunk, "modified \"../../etc/passwd\" \"../../etc/passwd\"\n" + shown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files, err := Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := show(files); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"*** a\n--- b\n***************\n*** 1,2 ****\n": "unsupported diff format context: want unified",
		"2c2\n< a\n---\n> b\n":                          "unsupported diff format normal: want unified",
		"hello\n":                                       errNone.Error(),
		"--- a\n":                                       errNone.Error(),
		"@@ -1 +1 @@\n-a\n+b\n":                         errNone.Error(),
	} {
		_, err := Parse(in)
		if err == nil || err.Error() != want {
			t.Errorf("Parse(%q) fails with %v, want %s", in, err, want)
		}
		if _, advice := fault.Explain(err); !errors.Is(err, errNone) && advice == "" {
			t.Errorf("no hint for %q", in)
		}
	}
}

func TestRead(t *testing.T) {
	got := show([]File{Read("a.go", "x\ny"), Read("b", ""), Read("c", "z\r\n")})
	want := text(`whole "a.go" "a.go"`, `@ 1,2 1,2 ""`, `1 1  "x"`, `2 2  "y" no end`, `whole "b" "b"`, `whole "c" "c"`, `@ 1 1 ""`, `1 1  "z\r"`)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
