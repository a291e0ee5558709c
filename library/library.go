// Package library is the user's models as one service, for every face of bise: the
// command line, the interface, the server and the language server.
//
// A [Library] opens the model that a REF names, lists and describes what is
// installed, says what fits this machine, and downloads, imports and removes
// models. It prints nothing: progress and notes go to the callbacks of [Options],
// results and errors are returned. All methods may be called from any goroutine.
//
// A REF is the name of an installed model, the path of a GGUF file, or
// endpoint/model for an endpoint of config.toml.
package library

import (
	"context"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/caches"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/quantize"
)

// Options are what a library works with.
type Options struct {
	Places config.Places
	Config config.Config

	// Launch says how a worker process is started.
	Launch func() (worker.Launcher, error)
	// Build identifies this build of bise: workers of another build are replaced.
	Build string
	// Version is the version of bise, for manifests and for the hubs' statistics.
	Version string
	// Devices lists the GPUs that the engine can use; nil: none.
	Devices func() []fit.Device
	// Quantize runs llama.cpp's quantizer in a separate process.
	Quantize quantize.Worker

	// Progress is called when work begins that may take seconds, such as measuring
	// the memory, and with "" when it has ended. It may be nil.
	Progress func(what string)
	// Note receives sentences that are neither results nor errors. It may be nil.
	Note func(sentence string)
	// Stderr is the standard error of an endpoint's key_command.
	Stderr io.Writer

	// Engine replaces [Library.Open] in tests.
	Engine func(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error)
}

// A Library is the user's models.
type Library struct {
	options Options

	mu        sync.Mutex          // of all below, and of the models in options.Config
	abilities map[string][]string // of models, by file and time of its change
	endpoints map[string]config.Endpoint
	recorded  map[string]time.Time // when runs of models were, by file
	noted     map[string]bool      // problems of the catalogue that were reported
	downloads DownloadOptions
	puller    *pull.Puller // nil until it is first used

	measuring sync.Mutex // of all below
	machine   *fit.Machine
	measured  time.Time // when
}

// New makes a library. Nothing is read yet.
func New(o Options) *Library {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	return &Library{options: o, endpoints: maps.Clone(o.Config.Endpoints), noted: map[string]bool{}, recorded: map[string]time.Time{}, abilities: map[string][]string{}}
}

// Close closes the connections to hubs. Engines that were opened are the caller's.
func (l *Library) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.puller != nil {
		l.puller.Client.Close()
		l.puller = nil
	}
}

// Store returns the folder of installed models, with the caches of other programs.
func (l *Library) Store() models.Store {
	return models.Store{Dir: l.options.Places.Models, Caches: caches.Detect()}
}

// begin reports work that may take seconds. The caller must call end.
func (l *Library) begin(what string) (end func()) {
	l.options.Progress(what)
	return func() { l.options.Progress("") }
}
