package latex

import "testing"

func TestLine(t *testing.T) {
	for answer, want := range map[string]string{
		`$\frac{1}{2}$`:             "1/2",
		`x^2`:                       "x²",
		"42":                        "42",
		"a classic example":         "a classic example",
		"12 apples":                 "12 apples",
		`\text{no solution}`:        "no solution",
		"no\nsolution \x1b[31mhere": "no solution here",
	} {
		if got := Line(answer); got != want {
			t.Errorf("Line(%q) = %q, want %q", answer, got, want)
		}
	}
}
