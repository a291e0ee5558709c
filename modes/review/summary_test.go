package review

import "testing"

func TestSummary(t *testing.T) {
	finding := func(s Severity) Finding { return Finding{Severity: s} }
	for _, tt := range []struct {
		result Result
		want   string
	}{
		{Result{}, "No findings. Reviewed 0 of 0 files."},
		{
			Result{Findings: []Finding{finding(Minor)}, Files: []Coverage{{"a", Reviewed, ""}}},
			"1 finding: 1 minor. Reviewed 1 of 1 file.",
		},
		{
			Result{Findings: []Finding{finding(Minor), finding(Critical), finding(Minor)}, Files: []Coverage{{"a", Reviewed, ""}, {"go.sum", Skipped, "lock file"}, {"b", Skipped, "generated"}, {"c", Skipped, "generated"}}},
			"3 findings: 1 critical, 2 minor. Reviewed 1 of 4 files; skipped go.sum (lock file), 2 (generated).",
		},
		{
			Result{Files: []Coverage{{"a", Partial, "x"}, {"b", Failed, "y"}, {"c", Failed, "y"}, {"d", Failed, "y"}, {"e", Failed, "y"}}},
			"No findings. Reviewed 1 of 5 files; a partially (x), b failed (y), c failed (y), 2 more incomplete.",
		},
	} {
		if got := tt.result.Summary(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
