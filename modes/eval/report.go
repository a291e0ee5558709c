package eval

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/bise-sh/bise/units"
)

// A Report has the outcomes of one or two models for the same cases.
type Report struct {
	File   string
	Cases  []Case
	Models []ModelReport
}

// A ModelReport has the outcomes of a model.
type ModelReport struct {
	Model        string    `json:"model"`
	Quantization string    `json:"quantization,omitempty"`
	Scores       []Score   `json:"scores"`
	Outcomes     []Outcome `json:"outcomes"`
}

// Summary is a report as JSON.
type Summary struct {
	File       string        `json:"file"`
	Models     []ModelReport `json:"models"`
	Comparison *Comparison   `json:"comparison,omitempty"`
}

// Summary returns the report as JSON has it.
func (r Report) Summary() Summary {
	s := Summary{File: r.File, Models: []ModelReport{}, Comparison: r.Comparison()}
	for _, m := range r.Models {
		m.Scores = Scores(m.Outcomes)
		s.Models = append(s.Models, m)
	}
	return s
}

// Comparison compares two models; nil if there are not two.
func (r Report) Comparison() *Comparison {
	if len(r.Models) != 2 {
		return nil
	}
	c := Compare(r.Models[0].Outcomes, r.Models[1].Outcomes)
	return &c
}

// Verdict says on how many cases the models differ, and whether that is chance.
func (c Comparison) Verdict(first, second string) string {
	p := fmt.Sprintf("p = %.3f", c.P)
	if c.P < 0.001 {
		p = "p < 0.001"
	}
	if c.First+c.Second == 0 {
		return fmt.Sprintf("Both models are right in the same %d of %s.", c.Both, units.Plural(c.Both+c.Neither, "case"))
	}
	said := fmt.Sprintf("%s alone is right in %s, %s alone in %d. ", first, units.Plural(c.First, "case"), second, c.Second)
	if c.P < 0.05 {
		return said + "That is more than chance explains (McNemar's exact test, " + p + ")."
	}
	return said + "Chance can explain that (McNemar's exact test, " + p + ")."
}

// Verdict is that of the comparison; "" if there are not two models.
func (r Report) Verdict() string {
	c := r.Comparison()
	if c == nil {
		return ""
	}
	return c.Verdict(r.Models[0].Model, r.Models[1].Model)
}

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"percent": func(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) },
	"x":       func(share float64) string { return fmt.Sprintf("%.1f", 400*share) },
	"label": func(m Metric) string {
		if m == "" {
			return "all"
		}
		return string(m)
	},
}).Parse(page))

// A row is a case with the outcomes of the models.
type row struct {
	Case     Case
	Expected string
	Outcomes []Outcome
}

// WriteHTML writes the report as one HTML page, without scripts and without anything from
// elsewhere.
func (r Report) WriteHTML(w io.Writer) error {
	var rows []row
	by := make([]map[int]Outcome, len(r.Models))
	for i, m := range r.Models {
		by[i] = map[int]Outcome{}
		for _, o := range m.Outcomes {
			by[i][o.Line] = o
		}
	}
	for _, c := range r.Cases {
		x := row{Case: c, Expected: c.expectation()}
		for i := range r.Models {
			x.Outcomes = append(x.Outcomes, by[i][c.Line])
		}
		rows = append(rows, x)
	}
	return pageTemplate.Execute(w, struct {
		Summary
		Verdict string
		Rows    []row
	}{r.Summary(), r.Verdict(), rows})
}

// expectation is what is right, for display.
func (c Case) expectation() string {
	switch c.Metric {
	case Contains:
		return "contains " + strings.Join(c.Contains, ", ")
	case Choice:
		return c.Choices[c.Answer]
	case Schema:
		return "JSON that satisfies the schema"
	}
	return c.Expected
}
