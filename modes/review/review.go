// Package review finds what is wrong with a change of code, or with files as they
// are.
//
// A review goes through these steps. What no person has written is left out, and
// said to be (skip.go). The rest is cut into parts that fit the model's context,
// each file's hunks together and, while there is room, with the functions that they
// are in (passage.go, around.go, plan.go). All parts are asked about behind the
// same instructions, whose evaluation an engine keeps, and side by side (run.go,
// prompt.go). What the model answers is held to what it was shown: a finding is
// where the code is that it quotes, or nowhere (answer.go, anchor.go); a replacement
// is one that applies (suggest.go). Then the model is made to doubt what it has
// found, and what does not hold is dropped.
//
// The code under review, and the model's answers, may be written by somebody who
// means harm. Both are bounded; nothing of either is executed, used as a path outside
// the project's folder, or taken for an instruction.
package review

import (
	"context"
	"io/fs"
	"iter"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/review/diff"
)

// Options say how to review. The zero value is ready.
type Options struct {
	// Tree is the project's folder after the change, for its guidance, for the
	// functions around a change and for suggestions; nil when it is not at hand. It
	// must not lead out of the folder, as that of os.Root does not.
	Tree fs.FS
	// Asked are paths of files that are reviewed even when they are generated or
	// vendored.
	Asked []string
	// Parallel is how many parts are asked about at once; 0 means 4.
	Parallel int
	// Confidence is how sure a finding has to be, 0 to 1; nil means 0.5.
	Confidence *float64
}

// An Event is one of [Loading], [Planned], [Reading], [Found] and [Done].
type Event interface{ event() }

// Loading tells how far the model's loading is.
type Loading struct{ Fraction float64 }

// Planned tells what will be reviewed, once, before anything is found.
type Planned struct {
	Files, Skipped int
	Parts          int
	Tokens         int // of all parts, without the instructions
}

// Reading tells how far the reading is.
type Reading struct {
	Done, Total int // tokens
	Parts       int // that are done with
}

// Found is one finding that holds. It is told as soon as that is known.
type Found struct{ Finding Finding }

// Done ends the review.
type Done struct{ Result Result }

func (Loading) event() {}
func (Planned) event() {}
func (Reading) event() {}
func (Found) event()   {}
func (Done) event()    {}

// A Result is what a review has come to.
type Result struct {
	Findings []Finding // by file, in the order of the change, and by line
	Files    []Coverage
	Notes    []string    // sentences about what was not as expected
	Dropped  Dropped     // findings of the model that are none
	Patch    []diff.File // all suggestions that do not contradict each other
	Parts    int
	Usage    engine.Usage // of all requests
}

// A Coverage says whether a file was reviewed.
type Coverage struct {
	File   string `json:"file"`
	Status Status `json:"status"`
	Reason string `json:"reason,omitempty"` // why it was not, or not all of it
}

// Status is how much of a file was reviewed.
type Status string

const (
	Reviewed Status = "reviewed"
	Partly   Status = "partly"
	Skipped  Status = "skipped" // as a matter of course: nobody has written it
	Failed   Status = "failed"
)

// Dropped counts what the model wrote and is not a finding.
type Dropped struct {
	Misplaced int `json:"misplaced"` // it quotes no code of the change
	Doubted   int `json:"doubted"`   // the model itself is not sure enough
	Repeated  int `json:"repeated"`  // it is told already
}

// Run reviews files. The sequence ends after [Done] or the first error; leaving
// it, or cancelling the context, stops the model.
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
			for range r.events { // until all is at rest
			}
		}()
		for event := range r.events {
			if !yield(event, nil) {
				return
			}
		}
		if r.failure != nil {
			yield(nil, r.failure)
		}
	}
}
