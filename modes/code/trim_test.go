package code

import (
	"strings"
	"testing"
)

// at makes a place of a text in which ¦ is the cursor.
func at(t testing.TB, file, text string) Place {
	t.Helper()
	before, after, ok := strings.Cut(text, "¦")
	if !ok {
		t.Fatal("the text has no cursor")
	}
	return Place{File: file, Text: before + after, At: len(before)}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		written    string // by the model, which has ended
		want       string
	}{
		{"as it is", "x = ¦\n", "f(1)", "f(1)"},
		{"space at the end", "x = ¦\n", "f(1)  \n\n", "f(1)"},
		{"nothing", "x = ¦\n", " \n\t\n", ""},

		{"out of the block", "func f() {\n\t¦\n}\n", "return 1\n}\n\nfunc g() {", "return 1"},
		{"the block's end is there", "func f() {¦\n}\n", "\n\treturn 1\n}", "\n\treturn 1"},
		{"the block's end is missing", "func f() {¦\n", "\n\treturn 1\n}\n\nfunc g() {\n}", "\n\treturn 1\n}"},
		{"a block within", "func f() {\n\tif x {¦\n}\n", "\n\t\ty()\n\t}\n\treturn\n}", "\n\t\ty()\n\t}"},
		{"else", "\tif x {¦\n", "\n\t\ty()\n\t} else {\n\t\tz()\n\t}\n\tw()", "\n\t\ty()\n\t} else {\n\t\tz()\n\t}"},
		{"a whole function", "¦", "func f() {\n\tx()\n}\nfunc g() {}", "func f() {\n\tx()\n}"},
		{"no indentation yet", "if x {\n¦\n}\n", "\ty()\n\tz()\n}\nw()", "\ty()\n\tz()"},
		{"a paragraph", "def f():\n    ¦", "x = 1\n    y = 2\n\n    z = 3", "x = 1\n    y = 2"},
		{"python's next function", "def f():¦\n", "\n    return 1\n\ndef g():\n    return 2", "\n    return 1"},
		{"an empty line in brackets", "x = [¦\n", "\n\t1,\n\n\t2,\n]", "\n\t1,\n\n\t2,\n]"},
		{"it closes what was open", "foo(\n\ta,¦\n", "\n\tb,\n)\nbar()", "\n\tb,"},
		{"ruby", "def f¦\nend\n", "\n  1\nend\n", "\n  1"},

		{"the line's own tail", "f(¦)\n", "a, b)", "a, b"},
		{"the tail and more", "f(¦)\n", "a, b) + 1\nnext", "a, b"},
		{"brackets within", "f(¦)\n", "g(a), b)", "g(a), b"},
		{"a tail of words", "x = ¦ + offset\n", "base + offset\nreturn x", "base"},
		{"half of the tail", "x := ¦Printf(y)\n", "fmt.Printf(", "fmt."},
		{"one line where a tail is", "f(¦, 2)\n", "1\nreturn", "1"},
		{"nothing but the tail", "f(¦)\n", ")", ""},

		{"the next line", "a()\n¦\nb()\n", "x()\nb()\nc()", "x()"},
		{"the next line at once", "¦\nb()\n", "b()\nc()", ""},
		{"the next line after an empty one", "a()¦\n\nb(1)\n", "\nb(1)\n", ""},
		{"a bracket that is next, deeper", "{\n\tf(func() {¦\n}\n", "\n\t\tx()\n\t})\n}", "\n\t\tx()\n\t})"},
		{"around in circles", "¦", "add(1)\nx(1)\nx(1)\nx(1)\nx(1)\n", "add(1)\nx(1)\nx(1)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := at(t, "x", tt.text)
			c := newTrimmer(p)
			if got, _ := c.trim(tt.written, true, true); got != tt.want {
				t.Errorf("whole\n%q\nwant\n%q", got, tt.want)
			}
			// As it comes, byte by byte, what is kept when the trimmer reports that that is
			// all must be the same; and once it says so, the answer stays.
			for n := range len(tt.written) {
				if got, done := c.trim(tt.written[:n+1], false, false); done && got != tt.want {
					t.Fatalf("after %q it is done with\n%q\nwant\n%q", tt.written[:n+1], got, tt.want)
				}
			}
		})
	}
}

func TestCutOfWhatBrokeOff(t *testing.T) {
	for _, tt := range []struct{ text, written, want string }{
		{"¦", "a()\nb()\nfoo(ba", "a()\nb()"},
		{"¦", "foo(ba", "foo(ba"},
		{"f(¦)\n", "a, b", "a, b"},
	} {
		c := newTrimmer(at(t, "x", tt.text))
		if got, done := c.trim(tt.written, true, false); got != tt.want || !done && strings.Contains(tt.written, "\n") {
			t.Errorf("%q gives %q, done %v; want %q", tt.written, got, done, tt.want)
		}
	}
}

func TestOutdent(t *testing.T) {
	for _, tt := range []struct {
		head, text, want string
		belongs          bool
	}{
		{"\t", "\treturn", "return", true},
		{"\t\t", "\t\t\tx", "\tx", true},
		{"    ", "    if x:\n        y", "if x:\n        y", true},
		{"\t", "}", "", false},
		{"\t\t", "\t}", "", false},
		{"\t", "\t", "", true},
		{"", "x", "x", true},
		{"\t", "\n\tx", "\n\tx", true},
	} {
		if got, belongs := outdent(tt.head, tt.text); got != tt.want || belongs != tt.belongs {
			t.Errorf("outdent(%q, %q) = %q, %v; want %q, %v", tt.head, tt.text, got, belongs, tt.want, tt.belongs)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("func f() {\n\t", "\n}\n", "return 1\n}", true)
	f.Add("f(", ")\n", "a, b)", false)
	f.Fuzz(func(t *testing.T, before, after, written string, whole bool) {
		if len(before)+len(after)+len(written) > 4096 {
			return
		}
		c := newTrimmer(Place{Text: before + after, At: len(before)})
		got, _ := c.trim(written, true, whole)
		if !strings.HasPrefix(written, got) {
			t.Errorf("%q is no beginning of %q", got, written)
		}
	})
}
