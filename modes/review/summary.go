package review

import (
	"fmt"
	"slices"
	"strings"
)

// Summary says in one line what was found and what was looked at.
func (r *Result) Summary() string { return r.Counts() + " " + r.Covered() }

// Counts says how many findings there are, and how severe they are.
func (r *Result) Counts() string {
	counts := map[Severity]int{}
	for _, f := range r.Findings {
		counts[f.Severity]++
	}
	var kinds []string
	for _, s := range slices.Backward(Severities) {
		if n := counts[s]; n > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", n, s))
		}
	}
	switch n := len(r.Findings); n {
	case 0:
		return "No findings."
	case 1:
		return fmt.Sprintf("1 finding: %s.", kinds[0])
	default:
		return fmt.Sprintf("%d findings: %s.", n, strings.Join(kinds, ", "))
	}
}

// Covered says how many files were reviewed, and what of the change was not and
// why.
func (r *Result) Covered() string {
	reviewed := 0
	var rest []string                // what was left out
	var wrong []string               // what went wrong
	skipped := map[string][]string{} // by reason
	var reasons []string
	for _, c := range r.Files {
		switch c.Status {
		case Reviewed:
			reviewed++
		case Partly:
			reviewed++
			wrong = append(wrong, fmt.Sprintf("%s only partly (%s)", c.File, c.Reason))
		case Failed:
			wrong = append(wrong, fmt.Sprintf("%s not (%s)", c.File, c.Reason))
		case Skipped:
			if len(skipped[c.Reason]) == 0 {
				reasons = append(reasons, c.Reason)
			}
			skipped[c.Reason] = append(skipped[c.Reason], c.File)
		}
	}
	for _, reason := range reasons {
		what := skipped[reason][0]
		if n := len(skipped[reason]); n > 1 {
			what = fmt.Sprint(n)
		}
		rest = append(rest, fmt.Sprintf("%s (%s)", what, reason))
	}
	const told = 3
	if n := len(wrong); n > told {
		wrong = append(wrong[:told:told], fmt.Sprintf("and %d more not wholly", n-told))
	}
	text := fmt.Sprintf("Reviewed %d of %d files", reviewed, len(r.Files))
	if len(r.Files) == 1 {
		text = fmt.Sprintf("Reviewed %d of 1 file", reviewed)
	}
	if len(rest) > 0 {
		text += "; skipped " + strings.Join(rest, ", ")
	}
	if len(wrong) > 0 {
		text += "; " + strings.Join(wrong, ", ")
	}
	return text + "."
}
