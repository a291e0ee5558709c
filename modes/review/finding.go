package review

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
)

// A Finding is something that is wrong, at a place of a file as it is after the
// change.
type Finding struct {
	File       string      `json:"file"`
	Line       int         `json:"line"`     // from 1
	EndLine    int         `json:"end_line"` // the last one
	Severity   Severity    `json:"severity"`
	Category   string      `json:"category"` // one of Categories
	Title      string      `json:"title"`    // a sentence without its full stop
	Why        string      `json:"why"`
	Code       string      `json:"code"` // the lines as they stand, joined by newlines
	Suggestion *Suggestion `json:"suggestion,omitempty"`
	Confidence float64     `json:"confidence"` // 0 to 1
	// Fingerprint is the same for the same finding when its lines have moved.
	Fingerprint string `json:"fingerprint"`
}

// A Suggestion replaces whole lines of the finding's file.
type Suggestion struct {
	Line    int    `json:"line"`     // the first line that is replaced
	EndLine int    `json:"end_line"` // the last; Line-1 when lines are only put in before Line
	Old     string `json:"old"`      // the lines that are replaced, each with its newline
	New     string `json:"new"`      // what comes in their place
	// Hunk is the replacement with the context that diff.Apply finds it by.
	Hunk diff.Hunk `json:"-"`
}

// Severity is how much harm a finding does.
type Severity string

// The severities, from the least on.
const (
	Info     Severity = "info"
	Minor    Severity = "minor"
	Major    Severity = "major"
	Critical Severity = "critical"
)

// Severities are all of them, the least first.
var Severities = []Severity{Info, Minor, Major, Critical}

// AtLeast reports whether s is as severe as t. What is none of Severities is less
// than all of them.
func (s Severity) AtLeast(t Severity) bool {
	return slices.Index(Severities, s) >= slices.Index(Severities, t)
}

// Categories are what findings are about.
var Categories = []string{"bug", "security", "concurrency", "resources", "errors", "performance", "api", "tests", "readability"}

// fingerprint identifies a finding by what it is about and the code that it is
// at, without space and line numbers, which change by themselves.
func (f *Finding) fingerprint() string {
	h := sha256.New()
	for _, part := range []string{f.File, f.Category, strings.Join(strings.Fields(f.Code), " ")} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
