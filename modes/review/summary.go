package review

import (
	"fmt"
	"slices"
	"strings"
)

// Summary describes the findings and the coverage on one line.
func (r *Result) Summary() string { return r.Counts() + " " + r.Covered() }

// Counts describes the number of findings by severity.
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

// Covered describes which files were reviewed, and why others were not.
func (r *Result) Covered() string {
	reviewed := 0
	var rest []string                // descriptions of skipped files
	var wrong []string               // descriptions of failures
	skipped := map[string][]string{} // files by reason
	var reasons []string
	for _, c := range r.Files {
		switch c.Status {
		case Reviewed:
			reviewed++
		case Partial:
			reviewed++
			wrong = append(wrong, fmt.Sprintf("%s partially (%s)", c.File, c.Reason))
		case Failed:
			wrong = append(wrong, fmt.Sprintf("%s failed (%s)", c.File, c.Reason))
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
	const most = 3
	if n := len(wrong); n > most {
		wrong = append(wrong[:most:most], fmt.Sprintf("%d more incomplete", n-most))
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
