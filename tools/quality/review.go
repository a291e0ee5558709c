package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// near is how many lines a finding may be away from the planted defect.
const near = 2

// A finding is what review --json says of one.
type finding struct {
	Line       int     `json:"line"`
	EndLine    int     `json:"end_line"`
	Title      string  `json:"title"`
	Why        string  `json:"why"`
	Severity   string  `json:"severity"`
	Category   string  `json:"category"`
	Confidence float64 `json:"confidence"`
}

// thresholds are the confidences that the table has rows for.
var thresholds = []float64{0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95}

// review runs bise review on the changes of one half and prints precision and recall by
// confidence. A defect counts as found when a finding is at its lines and names it.
func review(arguments []string) error {
	flags := flag.NewFlagSet("quality review", flag.ExitOnError)
	var c common
	c.add(flags)
	only := flags.String("only", "", "only cases whose language/name contains `TEXT`, such as go/ or nil-map")
	verbose := flags.Bool("v", false, "print the findings; only with -half develop")
	flags.Parse(arguments)
	if err := c.check(*verbose); err != nil {
		return err
	}
	all, err := changes()
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(all, func(change change) bool {
		return !c.asks(change.held) || !strings.Contains(change.id(), *only)
	})
	if len(chosen) == 0 {
		return fmt.Errorf("-only %q: no such case with -half %s", *only, c.half)
	}
	found := make([][]finding, len(chosen))
	for i, change := range chosen {
		fs, err := c.findings(change)
		if err != nil {
			return fmt.Errorf("%s: %w", change.id(), err)
		}
		found[i] = fs
		fmt.Fprintf(os.Stderr, "%d of %d, %s: %d findings\n", i+1, len(chosen), change.id(), len(fs))
		if *verbose {
			for _, f := range fs {
				fmt.Fprintf(os.Stderr, "   %5v %.2f %s %s, line %d: %s\n", change.hit(f), f.Confidence, f.Severity, f.Category, f.Line, f.Title+". "+f.Why)
			}
		}
	}
	table(os.Stdout, chosen, found)
	return nil
}

// hit reports whether a finding is at the planted defect and names it. The lines alone say
// little: in a change of ten lines, a finding about something else is near them too.
func (c *change) hit(f finding) bool {
	if c.named == nil || !c.named.MatchString(f.Title+"\n"+f.Why) {
		return false
	}
	for _, line := range c.lines {
		if f.Line-near <= line && line <= max(f.Line, f.EndLine)+near {
			return true
		}
	}
	return false
}

// findings reviews one change and returns all findings, also the doubtful ones.
func (c *common) findings(change change) ([]finding, error) {
	var report struct {
		Findings *[]finding `json:"findings"`
	}
	if err := c.run(change.diff, &report, "review", "--confidence", "0"); err != nil {
		return nil, err
	}
	if report.Findings == nil {
		return nil, errors.New("bise printed no findings")
	}
	return *report.Findings, nil
}

// table prints the figures by threshold.
func table(w io.Writer, cases []change, found [][]finding) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "confidence\tfindings\tright\tprecision\tdefects found\trecall\tclean changes accused")
	for _, threshold := range thresholds {
		total, right, caught, defects, clean, accused := 0, 0, 0, 0, 0, 0
		for i, c := range cases {
			any, at := false, false
			for _, f := range found[i] {
				if f.Confidence < threshold {
					continue
				}
				total++
				any = true
				if c.hit(f) {
					right++
					at = true
				}
			}
			if c.defect == "" {
				clean++
				accused += one(any)
			} else {
				defects++
				caught += one(at)
			}
		}
		fmt.Fprintf(t, "≥ %.2f\t%d\t%d\t%s\t%d of %d\t%s\t%d of %d\n", threshold, total, right, percent(right, total),
			caught, defects, percent(caught, defects), accused, clean)
	}
	t.Flush()
}
