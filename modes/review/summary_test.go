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
			"No findings. Reviewed 0 of 5 files.",
		},
		{
			Result{Dropped: Dropped{Unlocated: 2, Rejected: 1}, Files: []Coverage{{"a", Reviewed, ""}}},
			"No findings. Reviewed 1 of 1 file; dropped 3 findings (2 with code that is not there, 1 rejected as doubtful).",
		},
	} {
		if got := tt.result.Summary(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestUnreviewed(t *testing.T) {
	for _, tt := range []struct {
		files []Coverage
		want  string
	}{
		{[]Coverage{{"a", Reviewed, ""}, {"go.sum", Skipped, "lock file"}}, ""},
		{[]Coverage{{"a", Partial, "x"}, {"ok", Reviewed, ""}, {"b", Failed, "y"}}, "Not reviewed: part of a (x), b (y)."},
		{[]Coverage{{"a", Failed, "x"}, {"b", Failed, "x"}, {"c", Failed, "x"}, {"d", Failed, "x"}}, "Not reviewed: a (x), b (x), c (x), 1 more."},
	} {
		if got := (&Result{Files: tt.files}).Unreviewed(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
