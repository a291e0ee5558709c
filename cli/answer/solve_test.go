package answer

import "testing"

func TestAnswerOnALine(t *testing.T) {
	for answer, want := range map[string]string{
		`$\frac{1}{2}$`:             "1/2",
		`x^2`:                       "x²",
		"42":                        "42",
		"a classic example":         "a classic example",
		"12 apples":                 "12 apples",
		`\text{no solution}`:        "no solution",
		"no\nsolution \x1b[31mhere": "no solution here",
	} {
		equal(t, answer, onLine(answer), want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
