package report

import (
	"io"
	"slices"
	"strings"

	"github.com/bise-sh/bise/modes/review"
)

// Reviewdog Diagnostic Format:
// https://github.com/reviewdog/reviewdog/tree/master/proto/rdf

type rdResult struct {
	Source      rdSource       `json:"source"`
	Diagnostics []rdDiagnostic `json:"diagnostics"`
}

type rdSource struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type rdDiagnostic struct {
	Message     string         `json:"message"`
	Location    rdLocation     `json:"location"`
	Severity    string         `json:"severity"`
	Source      *rdSource      `json:"source,omitempty"`
	Code        rdCode         `json:"code"`
	Suggestions []rdSuggestion `json:"suggestions,omitempty"`
}

type rdLocation struct {
	Path  string  `json:"path"`
	Range rdRange `json:"range"`
}

type rdRange struct {
	Start rdPosition `json:"start"`
	End   rdPosition `json:"end"`
}

type rdPosition struct {
	Line int `json:"line"`
}

type rdCode struct {
	Value string `json:"value"`
}

type rdSuggestion struct {
	Range rdRange `json:"range"`
	Text  string  `json:"text"`
}

var rdBise = rdSource{"bise", projectURL}

// diagnostic converts a finding. A range without columns covers whole lines. A
// suggestion is extended to the range of its finding, because code hosts accept no
// other.
func diagnostic(f review.Finding) rdDiagnostic {
	lines := rdRange{rdPosition{f.Line}, rdPosition{f.EndLine}}
	d := rdDiagnostic{
		Message: message(f), Location: rdLocation{f.File, lines},
		Severity: level(f.Severity, "INFO", "WARNING", "ERROR"), Code: rdCode{f.Category},
	}
	if s := f.Suggestion; s != nil {
		old := strings.Split(f.Code, "\n")
		new := slices.Concat(old[:s.Line-f.Line], strings.Split(strings.TrimSuffix(s.New, "\n"), "\n"), old[s.EndLine+1-f.Line:])
		if s.New == "" {
			new = slices.Concat(old[:s.Line-f.Line], old[s.EndLine+1-f.Line:])
		}
		d.Suggestions = []rdSuggestion{{lines, strings.Join(new, "\n")}}
	}
	return d
}

func writeRDJSON(w io.Writer, r review.Result) error {
	out := rdResult{Source: rdBise, Diagnostics: []rdDiagnostic{}}
	for _, f := range r.Findings {
		out.Diagnostics = append(out.Diagnostics, diagnostic(f))
	}
	return encode(w, out, "  ")
}

// rdLines writes each diagnostic on a line during the review.
type rdLines struct{ w io.Writer }

func (l *rdLines) Found(f review.Finding) error {
	d := diagnostic(f)
	d.Source = &rdBise
	return encode(l.w, d, "")
}

func (*rdLines) Done(review.Result) error { return nil }
