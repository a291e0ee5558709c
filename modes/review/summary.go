package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/units"
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

// Unreviewed describes the files that could not be reviewed, or only in part. It
// returns "" if there are none; files that were skipped on purpose do not count.
func (r *Result) Unreviewed() string {
	var files []string
	for _, c := range r.Files {
		switch c.Status {
		case Partial:
			files = append(files, fmt.Sprintf("part of %s (%s)", diff.Name(c.File), c.Reason))
		case Failed:
			files = append(files, fmt.Sprintf("%s (%s)", diff.Name(c.File), c.Reason))
		}
	}
	const most = 3
	if n := len(files); n > most {
		files = append(files[:most:most], fmt.Sprintf("%d more", n-most))
	}
	if len(files) == 0 {
		return ""
	}
	return "Not reviewed: " + strings.Join(files, ", ") + "."
}

// describe describes the dropped findings, or is "" if there are none.
func (d Dropped) describe() string {
	var reasons []string
	total := 0
	for _, r := range []struct {
		n    int
		what string
	}{{d.Unlocated, "with code that is not there"}, {d.Rejected, "rejected as doubtful"}, {d.Duplicate, "duplicate"}, {d.Excess, "over the limit"}} {
		if r.n > 0 {
			total += r.n
			reasons = append(reasons, fmt.Sprintf("%d %s", r.n, r.what))
		}
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("dropped %s (%s)", units.Plural(total, "finding"), strings.Join(reasons, ", "))
}

// Covered describes which files were reviewed, why others were skipped, and which
// findings were dropped.
func (r *Result) Covered() string {
	reviewed := 0
	var rest []string                // descriptions of skipped files
	skipped := map[string][]string{} // files by reason
	var reasons []string
	for _, c := range r.Files {
		switch c.Status {
		case Reviewed:
			reviewed++
		case Skipped:
			if len(skipped[c.Reason]) == 0 {
				reasons = append(reasons, c.Reason)
			}
			skipped[c.Reason] = append(skipped[c.Reason], c.File)
		}
	}
	for _, reason := range reasons {
		what := diff.Name(skipped[reason][0])
		if n := len(skipped[reason]); n > 1 {
			what = fmt.Sprint(n)
		}
		rest = append(rest, fmt.Sprintf("%s (%s)", what, reason))
	}
	text := fmt.Sprintf("Reviewed %d of %d files", reviewed, len(r.Files))
	if len(r.Files) == 1 {
		text = fmt.Sprintf("Reviewed %d of 1 file", reviewed)
	}
	if len(rest) > 0 {
		text += "; skipped " + strings.Join(rest, ", ")
	}
	if dropped := r.Dropped.describe(); dropped != "" {
		text += "; " + dropped
	}
	return text + "."
}
