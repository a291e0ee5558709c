package tex

import (
	"slices"
	"testing"
)

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{`\frac12`, []string{`\frac`, "1", "2"}},
		{`\{x\}\\}`, []string{`\{`, "x", `\}`, `\\`, "}"}},
		{"a \t\n b", []string{"a", " \t\n ", "b"}},
		{`\ é\é*`, []string{`\ `, "é", `\é`, "*"}},
		{"\\", []string{"\\"}},
		{"\xff%", []string{"\xff", "%"}},
	} {
		var got []string
		for s := tt.in; s != ""; {
			got = append(got, Next(s))
			s = s[len(got[len(got)-1]):]
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestGroup(t *testing.T) {
	for _, tt := range []struct {
		in, body, rest string
		ok             bool
	}{
		{`a{b}c}d`, "a{b}c", "d", true},
		{`\{}\}`, `\{`, `\}`, true},
		{`a\\}b`, `a\\`, "b", true}, // the end of a row does not escape the brace
		{`}`, "", "", true},
		{`a{b}`, "", "", false},
		{`a\}`, "", "", false},
	} {
		if body, rest, ok := Group(tt.in); body != tt.body || rest != tt.rest || ok != tt.ok {
			t.Errorf("%q: got %q, %q, %v", tt.in, body, rest, ok)
		}
	}
}
