package main

import (
	"strings"
	"testing"
)

var total = problem{
	ID:       "Test/0",
	Prompt:   "def total(l):\n    \"\"\"Add numbers.\"\"\"\n",
	Solution: "    s = 0\n\n    for x in l:\n        s += x\n    return s\n",
	Test:     "def check(f):\n    assert f([1, 2]) == 3\n",
	Entry:    "total",
}

// TestMakeInfill checks that an infill with its missing lines is the solution, and that the cursor
// is after their indentation.
func TestMakeInfill(t *testing.T) {
	for id := range 40 {
		p := total
		p.ID = strings.Repeat("x", id)
		for kind, k := range infillKinds {
			in, ok := makeInfill(p, kind)
			if !ok {
				t.Fatalf("nothing of %s", k.name)
			}
			if got := in.prefix + in.missing + in.suffix; got != p.Prompt+p.Solution {
				t.Errorf("%s: the parts are\n%q", k.name, got)
			}
			lines := strings.Split(in.missing, "\n")
			if n := len(lines); n < k.min || n > k.max {
				t.Errorf("%d lines for %s", n, k.name)
			}
			if strings.TrimSpace(lines[0]) == "" || strings.TrimLeft(lines[0], " ") != lines[0] || strings.TrimSpace(lines[len(lines)-1]) == "" {
				t.Errorf("missing %q", in.missing)
			}
		}
	}
	if _, ok := makeInfill(problem{Solution: "    return 1\n"}, 1); ok {
		t.Error("a solution of one line has several")
	}
}

func TestRunTests(t *testing.T) {
	python, err := findPython()
	if err != nil {
		t.Skip(err)
	}
	in := infill{problem: total, prefix: total.Prompt + "    ", suffix: "\n"}
	for text, want := range map[string]string{
		"return sum(l)":           "",
		"return 1":                "AssertionError",
		"return len('x' * 4**20)": "MemoryError",
	} {
		if got := (completion{python: python, scratch: t.TempDir()}).test(in, text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestInterval(t *testing.T) {
	if got, want := share(3, 4), "3 of 4: 75 % (30–95)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := share(0, 0); got != "–" {
		t.Errorf("got %q", got)
	}
}
