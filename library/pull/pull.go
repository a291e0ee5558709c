// Package pull downloads and installs models.
//
// A [Puller] makes a [Plan] of a reference: which files, from where, under which licence,
// and how they are converted. For that it reads only listings and texts. Running the plan
// downloads the files, converts and quantizes them if necessary, verifies and installs
// them.
//
// Until then everything is in a stage of the store, with a record of the finished steps:
// the next run continues from there. If another process pulls the same model, a run waits
// for it, shows its progress, and continues if that process ends early.
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
	// Machine is checked for enough memory; nil: no check.
	Machine *fit.Machine
	Version string // of bise, for manifests
	// LlamaServer names the llama-server for newer architectures; "": the one on the PATH.
	LlamaServer string
}

// A Request says what to install.
type Request struct {
	Ref        string `json:"ref"`
	Type       string `json:"type,omitempty"`        // Q4_K_M, …; "": that of Ref, or the default
	FromSource bool   `json:"from_source,omitempty"` // convert the original weights, even if there is a finished file
	SHA256     string `json:"sha256,omitempty"`      // of a file at a URL; may be empty
	Again      bool   `json:"-"`                     // even if it is installed
	Anyway     bool   `json:"-"`                     // even if this machine cannot run it
}

// A Part is a file that a plan downloads.
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
	Type      string // of the weights; "": unknown before the download
	Source    models.Source
	Terms     licence.Licence
	Text      []byte // of the licence; nil if only its summary is known
	// Accepted is when the user accepted the licence, zero when they have not.
	Accepted time.Time
	Can      []string
	Parts    []Part
	Local    []LocalFile // parts that are on this machine, unless their checksum is wrong
	// Convert is set if the parts are original weights. Quantize is the type that they are
	// quantized to after that, "" for none.
	Convert  bool
	Quantize string
	adapt    bool  // the weights will be rewritten for the built-in engine
	Download int64 // bytes to download, including finished downloads of an earlier run; −1: unknown
	Disk     int64 // peak disk usage, bytes
	Fit      *fit.Plan
	// Warnings are sentences for the user. A run can add some.
	Warnings []string

	// Installed is the model if it is installed already: Run does nothing.
	Installed *models.Model

	repo         *huggingface.Repo // of the parts
	whole, small int64             // sizes of the converted and the quantized file
	llamaServer  string            // that of the Puller
	resumed      string            // the digest of the text that was accepted in an earlier run
}

// A LicenceError is the cause of an error of kind [fault.Licence]: the user has not
// accepted the licence of Plan.
type LicenceError struct{ Plan *Plan }

func (e *LicenceError) Error() string {
	if e.Plan.Terms.ID == licence.Unstated {
		return fmt.Sprintf("cannot pull %s: it has no licence, and that has not been accepted", e.Plan.Name)
	}
	return fmt.Sprintf("cannot pull %s: its licence has not been accepted: %s", e.Plan.Name, e.Plan.Terms.Name)
}

// LicenceError returns the error of a plan whose licence has not been accepted.
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

// digest identifies the text that the user accepts.
func (p *Plan) digest() string {
	if p.resumed != "" {
		return p.resumed
	}
	if p.Text == nil {
		return licence.Digest([]byte(p.Terms.Name + "\n" + p.Terms.Summary + "\n" + p.Terms.Link + "\n"))
	}
	return licence.Digest(p.Text)
}

func (p *Plan) agreement() models.Agreement {
	a := models.Agreement{ID: p.Terms.ID, Name: p.Terms.Name, Link: p.Terms.Link, Accepted: p.Accepted}
	if p.Terms.Ask {
		a.TextSHA256 = p.digest()
	}
	return a
}

// reuseAcceptance accepts the licence if the user has accepted the same text before, for
// this pull or for an installed model.
func (p *Puller) reuseAcceptance(plan *Plan, earlier models.Agreement) {
	if !plan.Terms.Ask {
		return
	}
	agreements := []models.Agreement{earlier}
	list, _ := p.Store.List() // without it, the user is asked again
	for _, m := range list {
		if m.Manifest != nil {
			agreements = append(agreements, m.Manifest.Licence)
		}
	}
	for _, a := range agreements {
		if covers(a, plan.Terms, plan.digest()) {
			plan.Accepted = a.Accepted
			return
		}
	}
}

// covers reports whether the user has accepted a licence with this text. A changed text must
// be accepted again.
func covers(a models.Agreement, l licence.Licence, digest string) bool {
	return !a.Accepted.IsZero() && a.ID == l.ID && a.TextSHA256 == digest && digest != ""
}

// Run carries out a plan and returns the installed model. When ctx ends, another run can
// continue from there; progress may be nil. An error of kind [fault.Licence] has a
// [*LicenceError] as its cause.
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
		return m, fmt.Errorf("pull %s: another process removed it", plan.Name)
	}
	return m, nil
}

// Forget removes the files of an unfinished pull.
func (p *Puller) Forget(plan *Plan) error {
	stage, err := p.Store.Stage(plan.Name, plan.Tag)
	if err != nil {
		return err
	}
	return stage.Discard()
}
