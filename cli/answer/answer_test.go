package answer

import (
	"bytes"
	"testing"

	"github.com/bise-sh/bise/cli/console"
)

// Answers are written one below the other, in whatever order their pieces come.
func TestChoices(t *testing.T) {
	const end = "end"
	type event struct {
		choice int
		text   string
	}
	for _, tt := range []struct {
		name   string
		n      int
		events []event
		want   string
	}{
		{"one", 1, []event{{0, "a"}, {0, "b"}, {0, end}}, "ab\n"},
		{"an empty one", 1, []event{{0, end}}, ""},
		{"in order", 2, []event{{0, "a"}, {0, end}, {1, "b"}, {1, end}}, "── 1 of 2 ──\na\n\n── 2 of 2 ──\nb\n"},
		{"mixed", 2, []event{{1, "b"}, {0, "a"}, {1, "c"}, {1, end}, {0, "d"}, {0, end}}, "── 1 of 2 ──\nad\n\n── 2 of 2 ──\nbc\n"},
		{"an empty one among others", 3, []event{{2, "c"}, {2, end}, {1, end}, {0, "a"}, {0, end}}, "── 1 of 3 ──\na\n\n── 2 of 3 ──\n\n── 3 of 3 ──\nc\n"},
		{"broken off", 3, []event{{0, "a"}, {2, "c"}, {1, "b"}}, "── 1 of 3 ──\na\n\n── 2 of 3 ──\nb\n\n── 3 of 3 ──\nc\n"},
		{"the first is missing", 3, []event{{2, "c"}, {2, end}}, "── 3 of 3 ──\nc\n"},
	} {
		var out bytes.Buffer
		con := console.New(nil, &out, &bytes.Buffer{})
		c := choices{n: tt.n, rule: choiceRule(con, tt.n), sheet: func() console.Sheet { return con.Sheet(true) }}
		for _, e := range tt.events {
			var err error
			if e.text == end {
				err = c.finish(e.choice)
			} else {
				err = c.print(e.choice, e.text)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := c.close(); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
