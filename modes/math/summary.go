package math

import (
	"fmt"
	"strings"
)

// Evidence describes the reliability of the answer on one line: how many solutions
// agree, and the result of the verification.
func (r Result) Evidence() string {
	var parts []string
	if r.Votes > 1 {
		parts = append(parts, fmt.Sprintf("%d of %d agree", r.Agree, r.Votes))
	}
	if several := r.Votes > 1; several && r.Cut == r.Votes {
		parts = append(parts, "all cut off")
	} else {
		if several && r.Cut > 0 {
			parts = append(parts, fmt.Sprintf("%d cut off", r.Cut))
		}
		if r.Solution.Cut() {
			parts = append(parts, "solution cut off")
		}
	}
	switch {
	case r.Answer.How == None:
	case r.Check == nil:
		parts = append(parts, "unchecked")
	case r.Check.OK:
		parts = append(parts, "checked: "+r.Check.Text)
	default:
		parts = append(parts, "check failed: "+r.Check.Text)
	}
	return strings.Join(parts, " · ")
}

// VotesLine describes the votes counted so far on one line: 5 of 8 solutions: 4 ×3, 5 ×2.
// format formats an answer.
func (s *Session) VotesLine(format func(string) string) string {
	line := fmt.Sprintf("%d of %d solutions", s.Tally.Counted(), len(s.Solutions))
	if groups := s.Tally.Groups(); len(groups) > 0 {
		line += ": " + groupLine(groups, format)
	}
	return line
}

// VotesLine describes all answers and their votes on one line.
func (r Result) VotesLine(format func(string) string) string {
	line := groupLine(r.Groups, format)
	if none := r.None(); none > 0 {
		line += fmt.Sprintf(", no answer ×%d", none)
	}
	return line
}

func groupLine(groups []Group, format func(string) string) string {
	var parts []string
	for _, g := range groups {
		parts = append(parts, fmt.Sprintf("%s ×%d", format(g.Answer.Text), len(g.Choices)))
	}
	return strings.Join(parts, ", ")
}

// None returns the number of counted solutions without an answer.
func (r Result) None() int {
	n := r.Votes
	for _, g := range r.Groups {
		n -= len(g.Choices)
	}
	return n
}

// Summary formats the result in Markdown, to show below a solution: the answer, the
// evidence and, if answers differ, a bar for each.
func (r Result) Summary() string {
	if r.Answer.How == None {
		return strings.TrimSpace("No answer found. " + r.Evidence())
	}
	s := "**" + marked(r.Answer.Text) + "** · " + r.Evidence()
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

// marked formats an answer as mathematics in Markdown.
func marked(answer string) string {
	return `\(` + strings.Trim(strings.Join(strings.Fields(answer), " "), "$") + `\)`
}
