package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/render/term"
)

// commands writes findings as workflow commands of GitHub Actions, which shows them as
// annotations of the code:
// https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
type commands struct{ w io.Writer }

var (
	commandText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func (c *commands) Found(f review.Finding) error {
	text := f.Why
	if s := f.Suggestion; s != nil && s.New != "" {
		text += "\n\nSuggestion:\n" + s.New
	} else if s != nil {
		text += "\n\nSuggestion: delete these lines."
	}
	line := fmt.Sprintf("::%s file=%s,line=%d,endLine=%d,title=%s::%s\n", level(f.Severity, "notice", "warning", "error"),
		commandProperty.Replace(f.File), f.Line, f.EndLine, commandProperty.Replace(fmt.Sprintf("%s: %s", f.Severity, f.Title)), commandText.Replace(strings.TrimSpace(text)))
	_, err := io.WriteString(c.w, term.Clean(line)) // logs are shown in terminals
	return err
}

func (*commands) Done(review.Result) error { return nil }

// gitLabIssue is an issue in a GitLab code quality report:
// https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
type gitLabIssue struct {
	Description string         `json:"description"`
	Check       string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitLabLocation `json:"location"`
}

type gitLabLocation struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
		End   int `json:"end"`
	} `json:"lines"`
}

func writeGitLab(w io.Writer, r review.Result) error {
	issues := []gitLabIssue{}
	seen := map[string]int{}
	for _, f := range r.Findings {
		i := gitLabIssue{Description: message(f), Check: f.Category, Fingerprint: f.Fingerprint, Severity: string(f.Severity)}
		i.Location.Path = f.File
		i.Location.Lines.Begin, i.Location.Lines.End = f.Line, f.EndLine
		// Identical code at two places has the same fingerprint, but fingerprints in a
		// report must be unique.
		if seen[f.Fingerprint]++; seen[f.Fingerprint] > 1 {
			i.Fingerprint = fmt.Sprintf("%s-%d", f.Fingerprint, seen[f.Fingerprint])
		}
		issues = append(issues, i)
	}
	return encode(w, issues, "  ")
}

// checkstyle is the XML report format of Checkstyle, which most CI systems support.
type checkstyle struct {
	XMLName xml.Name         `xml:"checkstyle"`
	Version string           `xml:"version,attr"`
	Files   []checkstyleFile `xml:"file"`
}

type checkstyleFile struct {
	Name   string            `xml:"name,attr"`
	Errors []checkstyleError `xml:"error"`
}

type checkstyleError struct {
	Line     int    `xml:"line,attr"`
	Severity string `xml:"severity,attr"`
	Message  string `xml:"message,attr"`
	Source   string `xml:"source,attr"`
}

func writeCheckstyle(w io.Writer, r review.Result) error {
	out := checkstyle{Version: "4.3"}
	for _, f := range r.Findings {
		n := len(out.Files)
		if n == 0 || out.Files[n-1].Name != f.File {
			out.Files = append(out.Files, checkstyleFile{Name: f.File})
			n++
		}
		out.Files[n-1].Errors = append(out.Files[n-1].Errors, checkstyleError{f.Line, level(f.Severity, "info", "warning", "error"), message(f), "bise." + f.Category})
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
