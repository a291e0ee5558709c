package report

import (
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/bise-sh/bise/modes/review"
)

// The subset of SARIF 2.1.0 that bise writes:
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Bases       map[string]any    `json:"originalUriBaseIds"`
	Columns     string            `json:"columnKind"`
	Results     []sarifResult     `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	URI     string      `json:"informationUri"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID    string    `json:"id"`
	Short sarifText `json:"shortDescription"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifResult struct {
	Rule         string            `json:"ruleId"`
	Index        int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Rank         float64           `json:"rank"`
	Fixes        []sarifFix        `json:"fixes,omitempty"`
	Properties   map[string]any    `json:"properties"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine   int        `json:"startLine"`
	StartColumn int        `json:"startColumn,omitempty"`
	EndLine     int        `json:"endLine,omitempty"`
	EndColumn   int        `json:"endColumn,omitempty"`
	Snippet     *sarifText `json:"snippet,omitempty"`
}

type sarifFix struct {
	Description sarifText     `json:"description"`
	Changes     []sarifChange `json:"artifactChanges"`
}

type sarifChange struct {
	Artifact     sarifArtifact      `json:"artifactLocation"`
	Replacements []sarifReplacement `json:"replacements"`
}

type sarifReplacement struct {
	Deleted  sarifRegion `json:"deletedRegion"`
	Inserted *sarifText  `json:"insertedContent,omitempty"`
}

// sourceRoot is the base against which code hosts resolve paths.
const sourceRoot = "%SRCROOT%"

// descriptions has a sentence about each category.
var descriptions = map[string]string{
	"bug":         "The code does not do what it should.",
	"security":    "An attacker can misuse the code.",
	"concurrency": "Data races and deadlocks.",
	"resources":   "Memory, files or other resources that are not released.",
	"errors":      "Errors that are ignored or handled incorrectly.",
	"performance": "Unnecessary work.",
	"api":         "Changes that break or mislead callers.",
	"tests":       "Tests that do not verify what they should.",
	"readability": "Code that is easy to misunderstand.",
}

func writeSARIF(w io.Writer, t Tool, r review.Result) error {
	run := sarifRun{
		Tool:    sarifTool{sarifDriver{Name: "bise", Version: t.Version, URI: projectURL}},
		Bases:   map[string]any{sourceRoot: map[string]any{"description": sarifText{"The root folder of the paths in the change."}}},
		Columns: "unicodeCodePoints",
		Results: []sarifResult{},
	}
	for _, c := range review.Categories {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{c, sarifText{descriptions[c]}})
	}
	done := sarifInvocation{Successful: true}
	for _, c := range r.Files {
		if c.Status == review.Reviewed {
			continue
		}
		n := sarifNotification{"note", sarifText{sentence(c)}, []sarifLocation{{sarifPhysical{Artifact: artifact(c.File)}}}}
		if c.Status != review.Skipped {
			n.Level = "warning"
			done.Successful = done.Successful && c.Status != review.Failed
		}
		done.Notifications = append(done.Notifications, n)
	}
	for _, n := range r.Notes {
		done.Notifications = append(done.Notifications, sarifNotification{Level: "note", Message: sarifText{n}})
	}
	run.Invocations = []sarifInvocation{done}
	for _, f := range r.Findings {
		run.Results = append(run.Results, sarifFinding(f))
	}
	return encode(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}, "  ")
}

// sentence explains why a file was not fully reviewed.
func sentence(c review.Coverage) string {
	return map[review.Status]string{review.Skipped: "Not reviewed", review.Partial: "Partially reviewed", review.Failed: "Review failed"}[c.Status] + ": " + c.Reason + "."
}

func sarifFinding(f review.Finding) sarifResult {
	res := sarifResult{
		Rule: f.Category, Index: max(0, slices.Index(review.Categories, f.Category)), Level: level(f.Severity, "note", "warning", "error"),
		Message:      sarifText{message(f)},
		Locations:    []sarifLocation{{sarifPhysical{artifact(f.File), &sarifRegion{StartLine: f.Line, EndLine: f.EndLine, Snippet: &sarifText{f.Code}}}}},
		Fingerprints: map[string]string{"bise/v1": f.Fingerprint},
		Rank:         f.Confidence * 100,
		Properties:   map[string]any{"severity": f.Severity, "title": f.Title},
	}
	if s := f.Suggestion; s != nil {
		res.Fixes = []sarifFix{{sarifText{"Suggestion for: " + f.Title}, []sarifChange{{artifact(f.File), []sarifReplacement{replacement(s)}}}}}
	}
	return res
}

// replacement converts a suggestion. A region that replaces lines with lines excludes
// the last newline, because the last line of a file may have none.
func replacement(s *review.Suggestion) sarifReplacement {
	if s.Old == "" || s.New == "" { // whole lines are inserted or deleted
		return sarifReplacement{
			sarifRegion{StartLine: s.Line, StartColumn: 1, EndLine: s.EndLine + 1, EndColumn: 1},
			&sarifText{s.New},
		}
	}
	return sarifReplacement{sarifRegion{StartLine: s.Line, EndLine: s.EndLine}, &sarifText{strings.TrimSuffix(s.New, "\n")}}
}

// artifact names a file. It removes leading .. elements from a path, so that the path
// cannot leave the project. The URI begins with ./ where a colon in the first element
// would make it one with a scheme, which GitHub refuses.
func artifact(name string) sarifArtifact {
	u := url.URL{Path: strings.TrimLeft(path.Clean("/"+name), "/")}
	return sarifArtifact{u.String(), sourceRoot}
}
