// Package pull downloads and installs models.
//
// A [Puller] makes a [Plan] of a reference: which files, from where, under which licence,
// and how they are converted. Nothing but listings and texts has been read until then.
// Running the plan fetches the files, converts and quantizes them where no other process
// has, checks whether they are right, and installs them.
//
// Everything is in a stage of the store meanwhile, with a record of what is done:
// whatever ends a run, the next one continues from there. A run that finds another
// process at the same model waits for it and shows how far it is, and takes over if it
// leaves.
package pull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/huggingface"
	"github.com/bise-sh/bise/downloader/ollama"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/licence"
	"github.com/bise-sh/bise/models/quantize"
)

// A Puller installs models in a store. It may be used from any goroutine.
type Puller struct {
	Store    models.Store
	Catalog  *catalog.Catalog
	Client   *downloader.Client
	Hub      *huggingface.Hub
	Registry *ollama.Registry
	// Quantize runs llama.cpp's quantizer, in a separate process.
	Quantize quantize.Worker
	// Machine is what models are to run on; nil looks at nothing of the kind.
	Machine *fit.Machine
	Version string // of bise, for manifests
}

// A Request is what the user wants to install.
type Request struct {
	Ref        string `json:"ref"`
	Type       string `json:"type,omitempty"`        // Q4_K_M, …; "" is what Ref says, or the usual one
	FromSource bool   `json:"from_source,omitempty"` // make it of the original weights, even where others have
	SHA256     string `json:"sha256,omitempty"`      // of a file at an address, where that is known
	Again      bool   `json:"-"`                     // pull what is installed already
	Anyway     bool   `json:"-"`                     // pull what this machine cannot run
}

// A Part is a file that a plan fetches.
type Part struct {
	Name string      // its file name in the store
	Role models.Role // "" of original weights
	downloader.File
}

// A Plan is what a pull will do.
type Plan struct {
	Request   Request
	Name, Tag string // under which the model will be installed
	Title     string
	Type      string // of the weights; "" where only the file shows
	Source    models.Source
	Terms     licence.Licence
	Text      []byte // of the licence; nil where only its summary is known
	// Accepted is when the user accepted the licence, zero when they have not.
	Accepted time.Time
	Can      []string
	Parts    []Part
	Local    []LocalFile // parts that need not be fetched, if they are what they seem
	// Convert is set when the parts are original weights; Quantize is then the type
	// that is made of them in a second step, "" for none.
	Convert  bool
	Quantize string
	Download int64 // bytes to be fetched, those of an unfinished pull included; −1 unknown
	Disk     int64 // bytes that are taken at the same time at most
	Fit      *fit.Plan
	// Warnings are what the user should know, a clause or a sentence each; a run can add
	// some.
	Warnings []string

	// Installed is the model where it is here already, and there is nothing to do.
	Installed *models.Model

	repo         *huggingface.Repo // that the parts are of
	whole, small int64             // bytes of what is made here
	resumed      string            // the digest of the text that was agreed to in an earlier run
}

// A LicenceError is the cause of an error of kind [fault.Licence]: the user has not
// accepted the licence of Plan.
type LicenceError struct{ Plan *Plan }

func (e *LicenceError) Error() string {
	if e.Plan.Terms.ID == licence.Unstated {
		return fmt.Sprintf("cannot pull %s: it states no licence, and that has not been accepted", e.Plan.Name)
	}
	return fmt.Sprintf("cannot pull %s: its licence has not been accepted: %s", e.Plan.Name, e.Plan.Terms.Name)
}

// LicenceError is the error of a plan whose licence has not been accepted.
func (p *Plan) LicenceError() error {
	advice := p.Terms.Summary
	if p.Terms.Link != "" {
		advice += " Its text: " + p.Terms.Link + "."
	}
	cause := &LicenceError{p}
	return &fault.Error{Kind: fault.Licence, Msg: cause.Error(), Advice: advice + " Accept it with --yes.", Cause: cause}
}

// NeedsAcceptance reports whether the user must accept the licence before the plan can be run.
func (p *Plan) NeedsAcceptance() bool {
	return p.Installed == nil && p.Terms.Ask && p.Accepted.IsZero()
}

// Accept records that the user accepts the licence.
func (p *Plan) Accept(now time.Time) { p.Accepted = now.UTC().Truncate(time.Second) }

// digest names the text that the user accepts.
func (p *Plan) digest() string {
	if p.resumed != "" {
		return p.resumed
	}
	if p.Text == nil {
		return licence.Digest([]byte(p.Terms.Name + "\n" + p.Terms.Summary + "\n" + p.Terms.Link + "\n"))
	}
	return licence.Digest(p.Text)
}

// agreement is the licence as a manifest has it.
func (p *Plan) agreement() models.Agreement {
	a := models.Agreement{ID: p.Terms.ID, Name: p.Terms.Name, Link: p.Terms.Link, Accepted: p.Accepted}
	if p.Terms.Ask {
		a.TextSHA256 = p.digest()
	}
	return a
}

// reuseAcceptance takes over a yes to the same text that was given before: for this pull,
// or for another model that is here.
func (p *Puller) reuseAcceptance(plan *Plan, earlier models.Agreement) {
	if !plan.Terms.Ask {
		return
	}
	yes := func(a models.Agreement) bool {
		return !a.Accepted.IsZero() && licence.Acceptance{Licence: a.ID, Text: a.TextSHA256}.Covers(plan.Terms, plan.digest())
	}
	if yes(earlier) {
		plan.Accepted = earlier.Accepted
		return
	}
	list, err := p.Store.List()
	if err != nil {
		return // then it is asked
	}
	for _, m := range list {
		if m.Manifest != nil && yes(m.Manifest.Licence) {
			plan.Accepted = m.Manifest.Licence.Accepted
			return
		}
	}
}

// Run does what a plan says and returns the installed model. When ctx ends, what has
// been done stays, and another run continues from there; progress may be nil. An error
// of kind [fault.Licence] has a [*LicenceError] as its cause.
func (p *Puller) Run(ctx context.Context, plan *Plan, progress *Progress) (models.Model, error) {
	if progress == nil {
		progress = &Progress{}
	}
	if plan.Installed != nil {
		return *plan.Installed, nil
	}
	if plan.NeedsAcceptance() {
		return models.Model{}, plan.LicenceError()
	}
	stage, installed, err := p.openStage(ctx, plan, progress)
	switch {
	case err != nil:
		return models.Model{}, err
	case installed != nil:
		return *installed, nil
	}
	j := &job{Puller: p, plan: plan, stage: stage, progress: progress}
	if err := j.run(ctx); err != nil {
		return models.Model{}, errors.Join(err, stage.Release())
	}
	m, ok := p.Store.Installed(plan.Name, plan.Tag)
	if !ok {
		return m, fmt.Errorf("pull %s: it is not there after it was installed", plan.Name)
	}
	return m, nil
}

// Forget removes what an unfinished pull has left here.
func (p *Puller) Forget(plan *Plan) error {
	stage, err := p.Store.Stage(plan.Name, plan.Tag)
	if err != nil {
		return err
	}
	return stage.Discard()
}
