package review

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/modes/review/diff"
)

func TestSuggest(t *testing.T) {
	const file = "func f() {\n\ta()\n\tb(\n\t\t1)\n\n\tc()\n}\nend"
	whole := diff.Read("f.go", file)
	for _, tt := range []struct {
		name      string
		from, to  int
		new       string
		want      string // the file after it; "" when there is no suggestion
		line, end int
	}{
		{"one line", 2, 2, "\td()", strings.Replace(file, "a()", "d()", 1), 2, 2},
		{"indentation lost", 2, 2, "d()", strings.Replace(file, "a()", "d()", 1), 2, 2},
		{"indentation lost within", 2, 2, "if d {\n\ta()\n}", strings.Replace(file, "\ta()", "\tif d {\n\t\ta()\n\t}", 1), 2, 2},
		{"only what differs", 1, 3, "func f() {\n\td()\n\tb(", strings.Replace(file, "a()", "d()", 1), 2, 2},
		{"put in", 2, 2, "\ta()\n\td()", strings.Replace(file, "a()", "a()\n\td()", 1), 3, 2},
		{"take out", 6, 6, "", strings.Replace(file, "\tc()\n", "", 1), 6, 6},
		{"fenced", 2, 2, "```go\n\td()\n```", strings.Replace(file, "a()", "d()", 1), 2, 2},
		{"with signs", 2, 2, "+\td()\n+\te()", strings.Replace(file, "a()", "d()\n\te()", 1), 2, 2},
		{"the last line", 8, 8, "END", strings.Replace(file, "end", "END", 1), 8, 8},
		{"the first line", 1, 1, "func g() {", strings.Replace(file, "f()", "g()", 1), 1, 1},
		{"nothing new", 2, 2, "\ta()\n", "", 0, 0},
		{"brackets opened", 2, 2, "\tif d {", "", 0, 0},
		{"brackets closed elsewhere", 3, 3, "\tb(1)", "", 0, 0},
		{"brackets across lines", 3, 4, "\tb(1)", strings.Replace(file, "b(\n\t\t1)", "b(1)", 1), 3, 4},
		{"after an end without newline", 8, 8, "end\nmore", "", 0, 0},
		{"too long", 2, 2, strings.Repeat("\tx()\n", maxNew+1), "", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &fileText{src: sourceOf(&whole, ""), ps: excerpts(&whole)}
			s := g.suggest(tt.new, &Finding{Line: tt.from, EndLine: tt.to})
			if s == nil {
				if tt.want != "" {
					t.Fatal("no suggestion")
				}
				return
			}
			got, err := diff.Apply(file, []diff.Hunk{s.Hunk})
			if err != nil || got != tt.want || s.Line != tt.line || s.EndLine != tt.end {
				t.Errorf("lines %d-%d, %v, the file becomes\n%s\nwant\n%s", s.Line, s.EndLine, err, got, tt.want)
			}
		})
	}
}

func TestSuggestKeepsCRLF(t *testing.T) {
	f := diff.Read("f", "a\r\nb\r\nc\r\n")
	g := &fileText{src: sourceOf(&f, ""), ps: excerpts(&f)}
	if s := g.suggest("x\ny", &Finding{Line: 2, EndLine: 2}); s == nil || s.New != "x\r\ny\r\n" || s.Old != "b\r\n" {
		t.Errorf("suggestion %+v", s)
	}
}

// TestSuggestWithoutSource checks suggestions where only the hunks are known: what
// is at the end of one can be replaced only if the file is known to end there.
func TestSuggestWithoutSource(t *testing.T) {
	files := parse(t, "--- a/f\n+++ b/f\n@@ -10,6 +10,7 @@\n a\n b\n c\n+d\n e\n f\n g\n@@ -30,3 +31,4 @@\n h\n i\n j\n+k\n")
	g := &fileText{ps: excerpts(&files[0])}
	for line, want := range map[int]string{
		10: "@@ -10,4 +10,4 @@", 13: "@@ -10,7 +10,7 @@", 15: "@@ -12,5 +12,5 @@", 16: "", 20: "", 33: "@@ -31,4 +31,4 @@", 34: "@@ -31,4 +31,4 @@",
	} {
		got := ""
		if s := g.suggest("x", &Finding{Line: line, EndLine: line}); s != nil {
			got = fmt.Sprintf("@@ -%s +%s @@", s.Hunk.Old, s.Hunk.New)
		}
		if got != want {
			t.Errorf("line %d: %q, want %q", line, got, want)
		}
	}
}

// TestPatchesApply makes random suggestions to random files and has git apply the
// patch of all of them: it must give what replacing the lines one by one gives.
func TestPatchesApply(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git here to compare with")
	}
	r := rand.New(rand.NewPCG(5, 6))
	dir := t.TempDir()
	for round := range 60 {
		var lines []string
		for range 1 + r.IntN(40) {
			lines = append(lines, []string{"a", "b", "\tc", "", "x()", "-", "+"}[r.IntN(7)])
		}
		content := strings.Join(lines, "\n")
		if r.IntN(3) > 0 {
			content += "\n"
		}
		if content == "" {
			continue
		}
		f := diff.Read("f", content)
		g := &fileText{src: sourceOf(&f, ""), ps: excerpts(&f)}
		want := map[int]string{}
		var edits []*Suggestion
		next := 1
		for n := f.Hunks[0].New.Count; next <= n; next += r.IntN(12) {
			from := next
			to := min(n, from+r.IntN(3))
			s := g.suggest(strings.Repeat("new\n", r.IntN(3)), &Finding{Line: from, EndLine: to})
			next = to + 2
			if s == nil {
				continue
			}
			edits = append(edits, s)
			want[s.Line] = s.New
			for l := s.Line; l <= s.EndLine; l++ {
				if l > s.Line {
					want[l] = ""
				}
			}
		}
		patch, ok := g.patch(&f, edits)
		if !ok {
			if len(edits) > 0 {
				t.Errorf("round %d: no patch of %d suggestions", round, len(edits))
			}
			continue
		}
		var b strings.Builder
		for i, l := range f.Hunks[0].Lines {
			new, changed := want[i+1]
			put := putsIn(edits, i+1)
			b.WriteString(new)
			if !changed || put {
				b.WriteString(l.Text + "\n")
			}
		}
		whole := b.String()
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "git", "apply", "--whitespace=nowarn", "-")
		cmd.Dir = dir
		cmd.Stdin = strings.NewReader(patch.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("round %d: git does not apply\n%s\nto %q: %s", round, patch.String(), content, out)
		}
		got, err := os.ReadFile(path)
		if err != nil && len(whole) > 0 {
			t.Fatal(err)
		}
		if strings.TrimSuffix(string(got), "\n") != strings.TrimSuffix(whole, "\n") {
			t.Errorf("round %d: %q becomes\n%q\nwant\n%q\nby\n%s", round, content, got, whole, patch.String())
		}
		ours, err := diff.Apply(content, patch.Hunks)
		if err != nil || ours != string(got) {
			t.Errorf("round %d: ours is %q, %v", round, ours, err)
		}
	}
}

// putsIn reports whether a suggestion only puts lines in before a line.
func putsIn(edits []*Suggestion, line int) bool {
	for _, e := range edits {
		if e.Line == line && e.EndLine < line {
			return true
		}
	}
	return false
}

func TestPatchLeavesOutWhatContradicts(t *testing.T) {
	f := diff.Read("f", "a\nb\nc\nd\ne\n")
	g := &fileText{src: sourceOf(&f, ""), ps: excerpts(&f)}
	var edits []*Suggestion
	for _, e := range []Finding{{Line: 2, EndLine: 3}, {Line: 3, EndLine: 3}, {Line: 5, EndLine: 5}} {
		edits = append(edits, g.suggest(fmt.Sprintf("new%d", e.Line), &e))
	}
	patch, ok := g.patch(&f, edits)
	got, err := diff.Apply("a\nb\nc\nd\ne\n", patch.Hunks)
	if !ok || err != nil || got != "a\nnew2\nd\nnew5\n" || len(patch.Hunks) != 1 {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
}
