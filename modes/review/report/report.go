// Package report writes reviews in formats for editors, code hosts and CI systems.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/diff"
)

// A Writer writes one review.
type Writer interface {
	// Found is called for each finding during the review.
	Found(review.Finding) error
	// Done is called once, with the whole review, and ends the report.
	Done(review.Result) error
}

// Tool identifies the program and the model in reports.
type Tool struct {
	Version string
	Model   string
}

// projectURL is the home page of bise in reports.
const projectURL = "https://github.com/bise-sh/bise"

// formats are the supported report formats.
var formats = []struct {
	name string
	make func(io.Writer, Tool) Writer
}{
	{"json", func(w io.Writer, t Tool) Writer {
		return atEnd(func(r review.Result) error { return writeJSON(w, t, r) })
	}},
	{"ndjson", func(w io.Writer, _ Tool) Writer { return &lines{w} }},
	{"sarif", func(w io.Writer, t Tool) Writer {
		return atEnd(func(r review.Result) error { return writeSARIF(w, t, r) })
	}},
	{"rdjson", func(w io.Writer, _ Tool) Writer {
		return atEnd(func(r review.Result) error { return writeRDJSON(w, r) })
	}},
	{"rdjsonl", func(w io.Writer, _ Tool) Writer { return &rdLines{w} }},
	{"github", func(w io.Writer, _ Tool) Writer { return &commands{w} }},
	{"gitlab", func(w io.Writer, _ Tool) Writer {
		return atEnd(func(r review.Result) error { return writeGitLab(w, r) })
	}},
	{"checkstyle", func(w io.Writer, _ Tool) Writer {
		return atEnd(func(r review.Result) error { return writeCheckstyle(w, r) })
	}},
	{"patch", func(w io.Writer, _ Tool) Writer {
		return atEnd(func(r review.Result) error { return writePatch(w, r) })
	}},
}

// Formats returns the names of the supported formats.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// New returns a writer for one of [Formats].
func New(format string, w io.Writer, t Tool) (Writer, error) {
	for _, f := range formats {
		if f.name == format {
			if format == "patch" {
				return f.make(w, t), nil
			}
			return &textual{f.make(w, t), format != "sarif"}, nil
		}
	}
	return nil, fmt.Errorf("unknown report format %q: want %s", format, strings.Join(Formats(), ", "))
}

// textual is a Writer of a format whose texts must be UTF-8. It quotes names in other
// encodings as git does, and leaves out suggestions in them: a program that applied them
// would write other bytes.
type textual struct {
	Writer
	quotes bool // names; URIs do not need it
}

func (t *textual) Found(f review.Finding) error { return t.Writer.Found(t.asText(f)) }

func (t *textual) Done(r review.Result) error {
	findings := make([]review.Finding, len(r.Findings))
	for i, f := range r.Findings {
		findings[i] = t.asText(f)
	}
	r.Findings = findings
	r.Files = slices.Clone(r.Files)
	for i := range r.Files {
		r.Files[i].File = t.fileName(r.Files[i].File)
	}
	return t.Writer.Done(r)
}

func (t *textual) asText(f review.Finding) review.Finding {
	f.File = t.fileName(f.File)
	if s := f.Suggestion; s != nil && !(utf8.ValidString(f.Code) && utf8.ValidString(s.Old) && utf8.ValidString(s.New)) {
		f.Suggestion = nil
	}
	return f
}

// fileName returns a path, quoted if it is not UTF-8.
func (t *textual) fileName(path string) string {
	if !t.quotes || utf8.ValidString(path) {
		return path
	}
	return diff.Name(path)
}

// atEnd is a Writer that writes the whole report in Done.
type atEnd func(review.Result) error

func (atEnd) Found(review.Finding) error   { return nil }
func (w atEnd) Done(r review.Result) error { return w(r) }

// encode writes a value as JSON and a newline. It does not escape <, > and &, because
// reports are not embedded in HTML.
func encode(w io.Writer, v any, indent string) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(v)
}

// A summary is the part of the json and ndjson formats that follows the findings.
type summary struct {
	Model    string                  `json:"model,omitempty"`
	Findings *[]review.Finding       `json:"findings,omitempty"`
	Counts   map[review.Severity]int `json:"counts"`
	Files    []review.Coverage       `json:"files"`
	Notes    []string                `json:"notes"`
	Dropped  review.Dropped          `json:"dropped"`
	Usage    engine.Usage            `json:"usage"`
}

func summarize(r review.Result) summary {
	s := summary{Counts: map[review.Severity]int{}, Files: r.Files, Notes: append([]string{}, r.Notes...), Dropped: r.Dropped, Usage: r.Usage}
	for _, severity := range review.Severities {
		s.Counts[severity] = 0
	}
	for _, f := range r.Findings {
		s.Counts[f.Severity]++
	}
	return s
}

func writeJSON(w io.Writer, t Tool, r review.Result) error {
	s := summarize(r)
	s.Model, s.Findings = t.Model, &r.Findings
	return encode(w, s, "  ")
}

// lines writes each finding on a line during the review, and the summary on the last.
type lines struct{ w io.Writer }

func (l *lines) Found(f review.Finding) error {
	return encode(l.w, struct {
		Type string `json:"type"`
		review.Finding
	}{"finding", f}, "")
}

func (l *lines) Done(r review.Result) error {
	return encode(l.w, struct {
		Type string `json:"type"`
		summary
	}{"done", summarize(r)}, "")
}

// message joins the title and the explanation of a finding.
func message(f review.Finding) string {
	if f.Why == "" {
		return f.Title + "."
	}
	return f.Title + ". " + f.Why
}

func writePatch(w io.Writer, r review.Result) error {
	for _, f := range r.Patch {
		if _, err := io.WriteString(w, f.String()); err != nil {
			return err
		}
	}
	return nil
}

// level maps a severity to the levels of a format, lowest first. In a format with three
// levels, critical and major share the highest.
func level(s review.Severity, levels ...string) string {
	return levels[max(0, min(slices.Index(review.Severities, s), len(levels)-1))]
}
