// Package report writes reviews in the forms that other programs read: editors,
// code hosts, CI systems. What people read is written by the interfaces.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/review"
)

// A Writer writes one review.
type Writer interface {
	// Found takes a finding as soon as there is one.
	Found(review.Finding) error
	// Done takes the whole review and ends the report.
	Done(review.Result) error
}

// Tool is who has made the review, as reports name it.
type Tool struct {
	Version string
	Model   string
}

// address is where the tool is told about.
const address = "https://github.com/bise-sh/bise"

// forms are how reports can be written.
var forms = []struct {
	name string
	make func(io.Writer, Tool) Writer
}{
	{"json", func(w io.Writer, t Tool) Writer {
		return whole(func(r review.Result) error { return writeJSON(w, t, r) })
	}},
	{"ndjson", func(w io.Writer, _ Tool) Writer { return &lines{w} }},
	{"sarif", func(w io.Writer, t Tool) Writer {
		return whole(func(r review.Result) error { return writeSARIF(w, t, r) })
	}},
	{"rdjson", func(w io.Writer, _ Tool) Writer {
		return whole(func(r review.Result) error { return writeRDJSON(w, r) })
	}},
	{"rdjsonl", func(w io.Writer, _ Tool) Writer { return &rdLines{w} }},
	{"github", func(w io.Writer, _ Tool) Writer { return &commands{w} }},
	{"gitlab", func(w io.Writer, _ Tool) Writer {
		return whole(func(r review.Result) error { return writeGitLab(w, r) })
	}},
	{"checkstyle", func(w io.Writer, _ Tool) Writer {
		return whole(func(r review.Result) error { return writeCheckstyle(w, r) })
	}},
	{"patch", func(w io.Writer, _ Tool) Writer {
		return whole(func(r review.Result) error { return writePatch(w, r) })
	}},
}

// Formats are the names of the forms.
func Formats() []string {
	var names []string
	for _, f := range forms {
		names = append(names, f.name)
	}
	return names
}

// New makes a writer of one of Formats.
func New(format string, w io.Writer, t Tool) (Writer, error) {
	for _, f := range forms {
		if f.name == format {
			return f.make(w, t), nil
		}
	}
	return nil, fmt.Errorf("there is no report format %q", format)
}

// whole writes a report at its end.
type whole func(review.Result) error

func (whole) Found(review.Finding) error   { return nil }
func (w whole) Done(r review.Result) error { return w(r) }

// encode writes a value and a newline, and leaves <, > and & as they are: these are
// files, not web pages.
func encode(w io.Writer, v any, indent string) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(v)
}

// A summary is what a report of bise's own form says beside findings.
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

// lines writes each finding as a line when it is found, and what there is beside
// them as the last.
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

// message is a finding's words as one text.
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

// level is the word for a severity of those that a format has, from the least on.
// Critical and major share the last where there are three.
func level(s review.Severity, words ...string) string {
	return words[max(0, min(slices.Index(review.Severities, s), len(words)-1))]
}
