package models

import (
	"context"
	"errors"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
)

// Models lists, imports and removes models; see [library.Library]. Its methods can be slow and
// are called from any goroutine.
type Models interface {
	Machine(context.Context) fit.Machine
	Catalog() (*catalog.Catalog, error)
	InstalledWithNeeds(context.Context) ([]library.Installed, error)
	Import(context.Context, models.Import) (models.Model, error)
	Remove(context.Context, models.Model) (*models.Removed, error)
	Unload(context.Context, models.Model) (int, error)
	// Use makes a model the default, and Choices says which model each mode uses.
	Use(mode, ref string) (library.Choice, error)
	Choices() []library.Choice
}

// Downloads downloads models; see [library.Library].
type Downloads interface {
	Plan(context.Context, pull.Request) (*pull.Plan, error)
	Pull(context.Context, *pull.Plan, *pull.Progress) (models.Model, error)
	Unfinished() ([]pull.Unfinished, error)
	Forget(*pull.Plan) error
}

// Endpoints has the servers; see [library.Library].
type Endpoints interface {
	Endpoints() map[string]config.Endpoint
	Served(ctx context.Context, endpoint string) ([]string, error)
	AddEndpoint(name, url, keyEnv string) error
}

// A Service has the state of models and downloads, and changes it in the background. Fields
// are nil until they are loaded.
type Service struct {
	look    *kit.Look
	notify  kit.Notify
	tasks   *kit.Tasks
	engines *engines.Engines
	folder  string
	home    string

	library   Models
	pulls     Downloads
	endpoints Endpoints
	catalog   *catalog.Catalog
	Installed []library.Installed
	Machine   *fit.Machine
	known     map[string]library.CatalogEntry // the models of the catalogue, by name
	fits      map[string]fit.Plan             // of installed models, by name
	choices   []library.Choice                // of the modes
	unloaded  map[string]bool                 // models that left memory since they were listed, by name
	Err       error                           // of the last load
	readings  int

	Downloads []*Download
	number    int               // of the last download
	watched   bool              // sampleProgress is running
	cancelled []*Download       // their files are removed at exit
	removed   []*models.Removed // models that can be restored, the last removed last
}

func New(look *kit.Look, notify kit.Notify, tasks *kit.Tasks, e *engines.Engines, m Models, d Downloads, p Endpoints, folder, home string) *Service {
	return &Service{
		look: look, notify: notify, tasks: tasks, engines: e, library: m, pulls: d, endpoints: p,
		folder: folder, home: home, unloaded: map[string]bool{},
	}
}

var ErrNoLibrary = errors.New("models are not available")

// Available reports whether models can be listed and downloaded.
func (s *Service) Available() bool { return s.library != nil }

// Start is a command that finds unfinished downloads.
func (s *Service) Start() tea.Cmd {
	pulls := s.pulls
	if pulls == nil {
		return nil
	}
	return func() tea.Msg {
		list, err := pulls.Unfinished()
		return unfinishedRead{list, err}
	}
}

// Close deletes the files of removed models and cancelled downloads. Nothing may be running.
func (s *Service) Close() error {
	var errs []error
	for _, r := range s.removed {
		errs = append(errs, r.Purge())
	}
	for _, w := range s.cancelled {
		if w.plan == nil {
			continue
		}
		if err := s.pulls.Forget(w.plan); !errors.Is(err, models.ErrBusy) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Messages about models.
type (
	installedRead struct {
		number  int // of the load; earlier ones may arrive later
		here    []library.Installed
		choices []library.Choice
		catalog *catalog.Catalog
		err     error
	}
	machineRead struct {
		machine fit.Machine
		known   map[string]library.CatalogEntry
		err     error
	}
	modelRemoved struct {
		removed *models.Removed
		err     error
	}
	modelRestored struct{ err error }
	modelUnloaded struct {
		name    string
		workers int
		err     error
	}
	defaultSet struct {
		choice library.Choice
		err    error
	}
)

// load is a command that reads the installed models, and the first time also the machine.
func (s *Service) load() tea.Cmd {
	lib, ctx := s.library, s.tasks.Context()
	if lib == nil {
		s.Err = ErrNoLibrary
		return nil
	}
	s.readings++
	number := s.readings
	here := func() tea.Msg {
		c, err := lib.Catalog()
		list, failed := lib.InstalledWithNeeds(ctx)
		return installedRead{number, list, lib.Choices(), c, errors.Join(err, failed)}
	}
	if s.Machine != nil && !s.Machine.Busy {
		return here
	}
	return tea.Batch(here, func() tea.Msg {
		h := lib.Machine(ctx)
		msg := machineRead{machine: h}
		c, err := lib.Catalog()
		if err != nil {
			return msg // the other command reports it
		}
		msg.known = map[string]library.CatalogEntry{}
		list, err := library.FitCatalog(c, c.All(), h)
		for _, e := range list {
			msg.known[e.Name] = e
		}
		msg.err = err
		return msg
	})
}

// fit plans the installed models for the machine.
func (s *Service) fit() {
	s.fits = map[string]fit.Plan{}
	for _, i := range s.Installed {
		if s.Machine == nil {
			break
		}
		if p, ok := i.Plan(*s.Machine, engine.LoadOptions{}); ok {
			s.fits[i.Name] = p
		}
	}
}

// Update handles messages about models.
func (s *Service) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case installedRead:
		if msg.number != s.readings {
			return nil
		}
		s.Installed, s.choices, s.Err = msg.here, msg.choices, msg.err
		for _, i := range s.Installed {
			if i.State != "" {
				delete(s.unloaded, i.Name)
			}
		}
		if s.Installed == nil {
			s.Installed = []library.Installed{}
		}
		if msg.catalog != nil {
			s.catalog = msg.catalog
		}
		s.fit()
	case machineRead:
		s.Machine, s.known = &msg.machine, msg.known
		s.notify.Outcome("measure the machine", msg.err)
		s.fit()
	case unfinishedRead:
		s.addUnfinished(msg)
	case DownloadPlanned:
		return s.startPlanned(msg)
	case ProgressSampled:
		return s.updateProgress(msg)
	case DownloadEnded:
		return s.finish(msg)
	case downloadRequested:
		return s.pull(msg.request, msg.title)
	case licenceAccepted:
		return s.accept(msg)
	case downloadRestored:
		return s.resumeCancelled(msg)
	case undoRequested:
		return s.restoreLast()
	case modelRemoved:
		return s.handleRemoved(msg)
	case modelUnloaded:
		return s.handleUnloaded(msg)
	case defaultSet:
		return s.handleDefault(msg)
	case modelRestored:
		s.notify.Outcome("restore a model", msg.err)
		return s.load()
	}
	return nil
}

// remove is a command that removes a model. It can be undone until bise exits.
func (s *Service) remove(m library.Installed) tea.Cmd {
	if err := m.CheckRemovable(); err != nil {
		s.notify.Error(err)
		return nil
	}
	lib, ctx, gone := s.library, s.tasks.Context(), m.Model
	return func() tea.Msg {
		r, err := lib.Remove(ctx, gone)
		return modelRemoved{r, err}
	}
}

func (s *Service) handleRemoved(msg modelRemoved) tea.Cmd {
	if msg.err != nil {
		s.notify.Error(msg.err)
		return s.load()
	}
	gone := msg.removed.Model
	s.removed = append(s.removed, msg.removed)
	s.Installed = slices.DeleteFunc(s.Installed, func(i library.Installed) bool { return i.Name == gone.Name })
	s.engines.MarkRemoved(gone.Name)
	s.notify.Undo(fmt.Sprintf("deleted %q", kit.OneLine(gone.Name)), func() tea.Msg { return undoRequested{} })
	return s.load()
}

// unload is a command that unloads a model from memory. The next message loads it again.
func (s *Service) unload(i *library.Installed) tea.Cmd {
	lib, ctx, m := s.library, s.tasks.Context(), i.Model
	return func() tea.Msg {
		n, err := lib.Unload(ctx, m)
		return modelUnloaded{m.Name, n, err}
	}
}

func (s *Service) handleUnloaded(msg modelUnloaded) tea.Cmd {
	name := kit.OneLine(msg.name)
	switch {
	case msg.err != nil:
		s.notify.Error(msg.err)
	case msg.workers == 0:
		s.notify.Info(name + " is not in memory")
	default:
		s.unloaded[msg.name] = true
		s.notify.Info(name + " is unloaded; the next message loads it again")
	}
	return s.load()
}

// setDefault is a command that makes a model the default.
func (s *Service) setDefault(ref string) tea.Cmd {
	lib := s.library
	return func() tea.Msg {
		c, err := lib.Use("", ref)
		return defaultSet{c, err}
	}
}

// handleDefault reports the new default. Modes that are open keep their models.
func (s *Service) handleDefault(msg defaultSet) tea.Cmd {
	if msg.err != nil {
		s.notify.Error(msg.err)
		return nil
	}
	s.notify.Info(kit.OneLine(msg.choice.Ref) + " is the default")
	return s.load()
}

// undoRequested asks to restore the last removed model.
type undoRequested struct{}

// restoreLast restores the last removed model.
func (s *Service) restoreLast() tea.Cmd {
	n := len(s.removed)
	if n == 0 {
		s.notify.Info("no deleted model to restore")
		return nil
	}
	last := s.removed[n-1]
	s.removed = s.removed[:n-1]
	return func() tea.Msg { return modelRestored{last.Undo()} }
}

// Chosen asks the current mode to use a model.
type Chosen struct{ Ref string }
