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
		{"a block within", "func f() {\n\tif x {¦\n}\n", "\n\t\ty()\n\t}\n\treturn\n}", "\n\t\ty()\n\t}\n\treturn"},
		{"else", "\tif x {¦\n", "\n\t\ty()\n\t} else {\n\t\tz()\n\t}\n\tw()", "\n\t\ty()\n\t} else {\n\t\tz()\n\t}\n\tw()"},
		{"else where the block ends", "\tif x {\n\t\t¦\n\t}\n", "y()\n\t} else {\n\t\tz()\n\t}\n", "y()\n\t} else {\n\t\tz()"},
		{"a whole function", "¦", "func f() {\n\tx()\n}\nfunc g() {}", "func f() {\n\tx()\n}"},
		{"no indentation yet", "if x {\n¦\n}\n", "\ty()\n\tz()\n}\nw()", "\ty()\n\tz()"},
		{"a paragraph", "¦", "x = 1\ny = 2\n\nz = 3", "x = 1\ny = 2"},
		{"paragraphs of a function", "def f():\n    ¦", "x = 1\n    y = 2\n\n    z = 3", "x = 1\n    y = 2\n\n    z = 3"},
		{"python's next function", "def f():¦\n", "\n    return 1\n\ndef g():\n    return 2", "\n    return 1"},
		{"the next function at once", "def f():¦\n", "\n    return 1\ndef g():\n    return 2", "\n    return 1"},
		{"the program after the function", "def f():\n    x = 1\n    ¦\n", "return x\n\n\nif __name__ == '__main__':\n    f()", "return x"},
		{"the next method", "class A:\n    def f(self):\n        ¦\n", "return 1\n\n    def g(self):\n        return 2", "return 1"},
		{"the next method after its head", "class A:\n    def f(self):¦\n", "\n        return 1\n\n    def g(self):\n        return 2", "\n        return 1"},
		{"a method", "class A:\n    ¦\n", "def f(self):\n        return 1\n\n    def g(self):\n        return 2", "def f(self):\n        return 1"},
		{"a method in braces", "class A {\n    ¦\n}\n", "int f() {\n        return 1;\n    }\n\n    int g() {\n        return 2;\n    }", "int f() {\n        return 1;\n    }"},
		{"a method in Ruby", "class A\n  ¦\nend\n", "def f\n    1\n  end\n\n  def g\n    2\n  end", "def f\n    1\n  end"},

		{"a return after a loop", "def f(l):\n    s = 0\n    for x in l:\n        ¦\n", "s += x\n    return s\n", "s += x\n    return s"},
		{"a return after two loops and a line", "def f(l):\n    for x in l:\n        for y in x:\n            ¦\n", "if y:\n                return y\n\n    return 0\n\ndef g():", "if y:\n                return y\n\n    return 0"},
		{"a return after a loop in a method", "class A:\n    def f(self):\n        for x in self:\n            ¦\n\n    def g(self):\n        pass\n", "s += x\n        return s\n\n    def h(self):", "s += x\n        return s"},
		{"a loop that the file goes on with", "def f(l):\n    for x in l:\n        if x:\n            ¦\n        y(x)\n    return 1\n", "a(x)\n        else:\n            b(x)\n        z(x)\n    return 2", "a(x)\n        else:\n            b(x)\n        z(x)"},
		{"a return after a block in braces", "func f() int {\n\tfor {\n\t\tif x {\n\t\t\t¦\n}\n", "break\n\t\t}\n\t}\n\treturn 1\n}\n", "break\n\t\t}\n\t}\n\treturn 1"},
		{"a block after one that was closed", "func f() int {\n\tfor {\n\t\t¦\n}\n", "break\n\t}\n\tif x {\n\t\ty()\n\t}\n\treturn 1\n}\n", "break\n\t}\n\tif x {\n\t\ty()\n\t}\n\treturn 1"},
		{"else of the cursor's block", "func f() {\n\tif x {\n\t\t¦\n}\n", "y()\n\t} else {\n\t\tz()\n\t}\n\tw()\n}\n", "y()\n\t} else {\n\t\tz()\n\t}\n\tw()"},
		{"a function after a loop", "def f(l):\n    for x in l:\n        ¦\n", "s += x\n    def g():\n        return s\n    return g\n", "s += x\n    def g():\n        return s\n    return g"},
		{"a function in a function", "function f() {\n    ¦\n}\n", "function g() {\n        x();\n    }\n    return g();\n}\n", "function g() {\n        x();\n    }\n    return g();"},
		{"its head", "def f():\n    def g():¦\n", "\n        return 1\n    return g()\n\ndef h():", "\n        return 1\n    return g()"},
		{"blocks that the file closes", "func f() int {\n\tfor {\n\t\tif x {\n\t\t\t¦\n\t\t}, nil)\n\t}\n}\n", "break\n\t\t}\n\t}\n\treturn 1\n}\n", "break"},
		{"a return after a value", "func f() *T {\n\tt := &T{¦\n}\n", "\n\t\tA: 1,\n\t}\n\treturn t\n}\n", "\n\t\tA: 1,\n\t}\n\treturn t"},
		{"a closure", "f(l, function(x) {\n    if (x) {\n        ¦\n", "y();\n    }\n    z();\n});\n", "y();\n    }\n    z();"},
		{"braces on lines", "int f()\n{\n    while (x)\n    {\n        ¦\n}\n", "y();\n    }\n    return 1;\n}\n", "y();\n    }\n    return 1;"},
		{"a function with nothing before the cursor", "def f(l):\n    for x in l:\n¦\n", "        s += x\n    return s\n\n\ndef g():", "        s += x\n    return s"},
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
		{"def f():\n    ¦\n", "a()\n    b()\n\n    c()\n    d()\n    e(", "a()\n    b()"},
		{"def f():\n    ¦\n", "a()\n\n    b()\n\n    c()\n    d", "a()\n\n    b()"},
		{"func f() {\n\t¦\n}\n", "if x {\n\t\ty()\n\t}\n\tz()\n\tw(", "if x {\n\t\ty()\n\t}"},
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

func TestLines(t *testing.T) {
	for line, want := range map[string]struct{ control, defines bool }{
		"for x in l:":               {true, false},
		"\t} else if x {":           {true, false},
		"case 1:":                   {true, false},
		"do_it(x)":                  {false, false},
		"match.each(x => {":         {false, false},
		"def f(a=1):":               {false, true},
		"pub async fn f() -> i32 {": {false, true},
		"export default class A {":  {false, true},
		"    int f(int x) {":        {false, true},
		"\tdefer func() {":          {false, true},
		"f := func(x int) int {":    {false, false},
		"const f = (x) => {":        {false, false},
		"sub = 1":                   {false, false},
		"return {":                  {false, false},
		"x = [":                     {false, false},
		"y(x)":                      {false, false},
		"":                          {false, false},
	} {
		if got := isControl(line); got != want.control {
			t.Errorf("isControl(%q) = %v", line, got)
		}
		if got := defines(line); got != want.defines {
			t.Errorf("defines(%q) = %v", line, got)
		}
	}
}
