package review

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
)

// A Finding is a defect at some lines of a file, numbered as after the change.
type Finding struct {
	File       string      `json:"file"`
	Line       int         `json:"line"`     // the first line, from 1
	EndLine    int         `json:"end_line"` // the last line
	Severity   Severity    `json:"severity"`
	Category   string      `json:"category"` // one of Categories
	Title      string      `json:"title"`    // a sentence without a final full stop
	Why        string      `json:"why"`
	Code       string      `json:"code"` // the lines, joined by newlines
	Suggestion *Suggestion `json:"suggestion,omitempty"`
	// Confidence is the probability, 0 to 1, with which the model said that the finding holds
	// when it verified it; ClaimedConfidence is what it said when it reported it.
	Confidence        float64 `json:"confidence"`
	ClaimedConfidence float64 `json:"claimed_confidence"`
	// Fingerprint identifies the finding, also after its lines have moved.
	Fingerprint string `json:"fingerprint"`
}

// Place returns the finding's file and lines: main.go:3-5. The name is quoted as git does
// if it is not printable text.
func (f *Finding) Place() string {
	if f.EndLine > f.Line {
		return fmt.Sprintf("%s:%d-%d", diff.Name(f.File), f.Line, f.EndLine)
	}
	return fmt.Sprintf("%s:%d", diff.Name(f.File), f.Line)
}

// A Suggestion replaces whole lines of the finding's file.
type Suggestion struct {
	Line    int    `json:"line"`     // the first replaced line
	EndLine int    `json:"end_line"` // the last replaced line; Line-1 to insert before Line
	Old     string `json:"old"`      // the replaced lines, each with its newline
	New     string `json:"new"`      // the new lines
	// Hunk is the replacement with the context that diff.Apply needs.
	Hunk diff.Hunk `json:"-"`
}

// Severity rates the harm of a defect.
type Severity string

// The severities, lowest first.
const (
	Info     Severity = "info"
	Minor    Severity = "minor"
	Major    Severity = "major"
	Critical Severity = "critical"
)

// Severities lists all severities, lowest first.
var Severities = []Severity{Info, Minor, Major, Critical}

// AtLeast reports whether s is as severe as t. An unknown severity is below all
// others.
func (s Severity) AtLeast(t Severity) bool {
	return slices.Index(Severities, s) >= slices.Index(Severities, t)
}

// Categories lists the categories of findings. The first is the default.
var Categories = []string{"bug", "security", "concurrency", "resources", "errors", "performance", "api", "tests", "readability"}

// fingerprint hashes the file, the category and the code of a finding. It ignores
// white space and line numbers, which unrelated edits change.
func (f *Finding) fingerprint() string {
	h := sha256.New()
	for _, part := range []string{f.File, f.Category, strings.Join(strings.Fields(f.Code), " ")} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
