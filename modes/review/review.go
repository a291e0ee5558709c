// Package review finds defects in a change of code, or in whole files.
//
// A review has these steps:
//
//   - Skip generated, vendored and binary files, and report them as skipped (skip.go).
//   - Divide the rest into parts that fit the model's context. A part has the hunks of
//     one or more files and, if there is room, their enclosing functions (excerpt.go,
//     around.go, plan.go).
//   - Send the parts to the model in parallel. All requests begin with the same
//     instructions, so that the engine evaluates them once (prompt.go, run.go).
//   - Check the answers against the code: drop a finding whose quoted code is not in
//     the part (answer.go, anchor.go) and a replacement that does not apply (suggest.go).
//   - Ask the model to verify its findings, and drop the rejected ones (run.go).
//
// Both the code under review and the model's answers are untrusted. Their size is
// bounded, and neither is executed or used as a path outside the project's folder.
package review

import (
	"context"
	"fmt"
	"io/fs"
	"iter"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/units"
)

// DefaultConfidence is the minimum confidence of findings that are shown. docs/quality.md has
// the measurements that it is chosen by.
const DefaultConfidence = 0.7

// Options configure a review. The zero value is valid.
type Options struct {
	// Tree is the project's folder after the change, or nil. The review reads the
	// project's guidance and the code around the change from it, and checks
	// suggestions against it. It must not allow access outside the folder; the FS of an
	// os.Root does not.
	Tree fs.FS
	// Named are the paths of files that the user named: they are reviewed even if they
	// are generated or vendored.
	Named []string
	// Parallel is the number of concurrent requests; 0 means 4.
	Parallel int
	// Confidence is the minimum confidence of a finding, 0 to 1; nil means DefaultConfidence.
	Confidence *float64
}

// An Event is one of [Loading], [Planned], [Progress], [Found] and [Done].
type Event interface{ event() }

// Loading reports the progress of loading the model, 0 to 1.
type Loading struct{ Fraction float64 }

// Planned reports what will be reviewed. It comes once, before any finding.
type Planned struct {
	Files, Skipped int
	Parts          int
	Tokens         int // of all parts, without the instructions
}

// Progress reports the progress of prefill.
type Progress struct {
	Done, Total int // tokens
	Parts       int // parts that are finished
}

// Line describes the progress of a review in parts.
func (p Progress) Line(parts int) progress.Line {
	text := fmt.Sprintf("reviewing: %s of %s tokens", units.Count(p.Done), units.Count(p.Total))
	return progress.Line{Text: text, Share: float64(p.Done) / float64(max(1, p.Total)), After: fmt.Sprintf("%d of %d parts", p.Parts, parts)}
}

// Found reports one verified finding.
type Found struct{ Finding Finding }

// Done ends the review.
type Done struct{ Result Result }

func (Loading) event()  {}
func (Planned) event()  {}
func (Progress) event() {}
func (Found) event()    {}
func (Done) event()     {}

// A Result is the outcome of a review.
type Result struct {
	Findings []Finding // by file, in the order of the change, and by line
	Files    []Coverage
	Notes    []string    // sentences about exceptions
	Dropped  Dropped     // findings of the model that were dropped
	Patch    []diff.File // all suggestions that do not overlap
	Parts    int
	Usage    engine.Usage // of all requests
}

// A Coverage reports whether a file was reviewed.
type Coverage struct {
	File   string `json:"file"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"` // why it was not fully reviewed
}

// Status reports how much of a file was reviewed.
type Status string

const (
	Reviewed Status = "reviewed"
	Partial  Status = "partial"
	Skipped  Status = "skipped" // deliberately: generated or not text, for example
	Failed   Status = "failed"  // also if it exceeds a limit
)

// Dropped counts the dropped findings, by reason.
type Dropped struct {
	Unlocated int `json:"unlocated"` // the quoted code is not in the change
	Excess    int `json:"excess"`    // more than the model was allowed to report
	Rejected  int `json:"rejected"`  // the model's verification rejected it, or its confidence is too low
	Duplicate int `json:"duplicate"` // another finding reports the same
}

// Run reviews files. The sequence ends after [Done], which comes with the error if the
// review failed: the result then has what was reviewed until there. Leaving the
// sequence, or cancelling the context, stops the model.
func Run(ctx context.Context, e engine.Engine, files []diff.File, o Options) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		r := newRun(e, files, o)
		ctx, stop := context.WithCancelCause(ctx)
		go func() {
			defer close(r.events)
			if err := r.review(ctx); err != nil {
				r.failure = err
			}
		}()
		defer func() {
			stop(context.Canceled)
			for range r.events { // until the review has stopped
			}
		}()
		for event := range r.events {
			if !yield(event, nil) {
				return
			}
		}
		if r.failure != nil {
			r.coverUnfinished()
			yield(Done{r.result()}, r.failure)
		}
	}
}
