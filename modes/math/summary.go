package math

import (
	"fmt"
	"strings"
)

// Standing says on a line how far the answer can be relied on: how many solutions
// agree, and what computing says.
func (r Result) Standing() string {
	var parts []string
	if r.Votes > 1 {
		parts = append(parts, fmt.Sprintf("%d of %d agree", r.Agree, r.Votes))
	}
	switch {
	case r.Answer.How == None:
	case r.Check == nil:
		parts = append(parts, "unchecked")
	case r.Check.OK:
		parts = append(parts, "checked: "+r.Check.Text)
	default:
		parts = append(parts, "it does not hold: "+r.Check.Text)
	}
	return strings.Join(parts, " · ")
}

// None is how many of the counted solutions had no answer.
func (r Result) None() int {
	n := r.Votes
	for _, g := range r.Groups {
		n -= len(g.Choices)
	}
	return n
}

// Summary is what is said below a solution, in Markdown: the answer and its
// standing and, where answers differ, a bar for each of them.
func (r Result) Summary() string {
	if r.Answer.How == None {
		return strings.TrimSpace("No answer was found. " + r.Standing())
	}
	s := "**" + marked(r.Answer.Text) + "** · " + r.Standing()
	if len(r.Groups) < 2 && r.None() == 0 {
		return s
	}
	var bars []string
	for _, g := range r.Groups {
		bars = append(bars, marked(g.Answer.Text)+" "+strings.Repeat("━", len(g.Choices)))
	}
	if n := r.None(); n > 0 {
		bars = append(bars, "no answer "+strings.Repeat("━", n))
	}
	return s + "\n\n" + strings.Join(bars, " · ")
}

// marked is an answer as mathematics in Markdown.
func marked(answer string) string {
	return `\(` + strings.Trim(strings.Join(strings.Fields(answer), " "), "$") + `\)`
}
