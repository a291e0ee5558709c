package review

import (
	"testing"

	"github.com/bise-sh/bise/modes/review/diff"
)

// places is a change with lines that come again, lines removed, and another file.
const places = `--- a/a.go
+++ b/a.go
@@ -10,7 +10,7 @@ func a() {
 	x := open()
-	check(x)
 	use(x)
+	use(x, y)
 	return
 }
 	long := someFunction(argument, other)
@@ -40,4 +40,5 @@ func b() {
 	x := open()
 	y := 1
+	count++
 	return
 }
--- a/b.go
+++ b/b.go
@@ -1,2 +1,3 @@
 package b
+var shared = map[string]int{}
 var z int
`

func TestAnchor(t *testing.T) {
	files := parse(t, places)
	var ps []excerpt
	for i := range files {
		ps = append(ps, excerpts(&files[i])...)
	}
	// Lines around a hunk are shown, and nothing is found there.
	ps[0].lines = append([]line{{diff.Line{Op: diff.Context, New: 9, Text: "func a() {"}, true}}, ps[0].lines...)
	for _, tt := range []struct {
		name, file string
		line, end  int
		code       string
		want       string // file, and the lines; "" when there is no such place
		from, to   int
	}{
		{"as it is", "a.go", 12, 12, "\tuse(x, y)", "a.go", 12, 12},
		{"miscounted", "a.go", 17, 17, "use(x, y)", "a.go", 12, 12},
		{"sign quoted", "a.go", 12, 12, "+\tuse(x, y)", "a.go", 12, 12},
		{"sign and number quoted", "a.go", 12, 12, "12+\tuse(x, y)", "a.go", 12, 12},
		{"spaces differ", "a.go", 12, 12, " use(x,  y) ", "a.go", 12, 12},
		{"nearest of equals", "a.go", 39, 39, "\tx := open()", "a.go", 40, 40},
		{"nearest of equals, before", "a.go", 11, 11, "\tx := open()", "a.go", 10, 10},
		{"part of a line", "a.go", 1, 1, "someFunction(argument", "a.go", 15, 15},
		{"too little of a line", "a.go", 12, 12, "some", "", 0, 0},
		{"more than a line", "a.go", 1, 1, "x = someFunction; long := someFunction(argument, other)", "a.go", 15, 15},
		{"whole line before part", "a.go", 12, 12, "use(x)", "a.go", 11, 11},
		{"several lines", "a.go", 11, 11, "\tuse(x)\n\tuse(x, y)\n", "a.go", 11, 12},
		{"range", "a.go", 11, 13, "use(x)", "a.go", 11, 13},
		{"range moves along", "a.go", 1, 3, "use(x)", "a.go", 11, 13},
		{"range past the hunk", "a.go", 42, 99, "count++", "a.go", 42, 44},
		{"range backwards", "a.go", 42, 3, "count++", "a.go", 42, 42},
		{"removed line", "a.go", 11, 11, "\tcheck(x)", "a.go", 11, 11},
		{"other file", "a.go", 2, 2, "var shared = map[string]int{}", "b.go", 2, 2},
		{"no file", "", 2, 2, "var shared = map[string]int{}", "b.go", 2, 2},
		{"around the hunk", "a.go", 9, 9, "func a() {", "", 0, 0},
		{"not there", "a.go", 12, 12, "panic(err)", "", 0, 0},
		{"nothing quoted", "a.go", 12, 12, " \n```\n", "", 0, 0},
		{"fenced", "a.go", 12, 12, "```go\nuse(x, y)\n```", "a.go", 12, 12},
		{"negative", "a.go", -5, -7, "count++", "a.go", 42, 42},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := claim{File: quote(tt.file), Line: number(tt.line), EndLine: number(tt.end), Code: quote(tt.code), Title: "x"}
			f, p, ok := anchor(c, ps)
			if ok != (tt.want != "") {
				t.Fatalf("ok is %v: %+v", ok, f)
			}
			if ok && (f.File != tt.want || f.Line != tt.from || f.EndLine != tt.to || p.file.Path() != tt.want) {
				t.Errorf("%s:%d-%d, want %s:%d-%d", f.File, f.Line, f.EndLine, tt.want, tt.from, tt.to)
			}
		})
	}
}

func TestAnchorMendsTheRest(t *testing.T) {
	files := parse(t, places)
	ps := excerpts(&files[0])
	f, _, ok := anchor(claim{Code: "use(x, y)", Why: "It crashes. Always", Severity: "Blocker", Category: "Bugs", Confidence: 250}, ps)
	if !ok || f.Title != "It crashes" || f.Why != "Always" || f.Severity != Minor || f.Category != "bug" || f.Confidence != 1 {
		t.Errorf("finding %+v", f)
	}
	if _, _, ok := anchor(claim{Code: "use(x, y)"}, ps); ok {
		t.Error("a finding without words is one")
	}
	f, _, _ = anchor(claim{Code: "use(x, y)", Title: "two\nlines  here."}, ps)
	if f.Title != "two lines here" {
		t.Errorf("title %q", f.Title)
	}
}
