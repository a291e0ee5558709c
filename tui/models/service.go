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

// Models are the models on this machine and those of the catalogue; see
// [library.Library]. The methods may take a while and are called from any goroutine.
type Models interface {
	Machine(context.Context) fit.Machine
	Catalog() (*catalog.Catalog, error)
	InstalledWithNeeds(context.Context) ([]library.Installed, error)
	Import(context.Context, models.Import) (models.Model, error)
	Remove(context.Context, models.Model) (*models.Removed, error)
}

// Downloads downloads models; see [library.Library].
type Downloads interface {
	Plan(context.Context, pull.Request) (*pull.Plan, error)
	Pull(context.Context, *pull.Plan, *pull.Progress) (models.Model, error)
	Unfinished() ([]pull.Unfinished, error)
	Forget(*pull.Plan) error
}

// Endpoints are the servers with models; see [library.Library].
type Endpoints interface {
	Endpoints() map[string]config.Endpoint
	Served(ctx context.Context, endpoint string) ([]string, error)
	AddEndpoint(name, url, keyEnv string) error
}

// A Service is what is known of models, and what is done to them in the background.
// What it has not read yet is nil.
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
	plans     map[string]catalogued // by name
	fits      map[string]fit.Plan   // of those here, by name
	best      string                // the model to take when nothing speaks for another
	Err       error                 // why something could not be read
	readings  int

	Downloads []*Download
	number    int               // of downloads, to tell late news
	watched   bool              // a look at them is on its way
	cancelled []*Download       // whose files are removed when bise ends
	removed   []*models.Removed // models that can still come back, the last one last
}

// A catalogued is how a model of the catalogue would be here, at the usual type.
type catalogued struct {
	fit.Plan
	download int64 // bytes
}

func New(look *kit.Look, notify kit.Notify, tasks *kit.Tasks, e *engines.Engines, m Models, d Downloads, p Endpoints, folder, home string) *Service {
	return &Service{
		look: look, notify: notify, tasks: tasks, engines: e, library: m, pulls: d, endpoints: p,
		folder: folder, home: home,
	}
}

var ErrNoLibrary = errors.New("there is nothing that knows models")

// Available reports whether models can be listed and downloaded.
func (s *Service) Available() bool { return s.library != nil }

// Start looks for downloads that can go on.
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

// Close removes for good what was removed and cancelled. It is for when nothing goes
// on any more.
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

// News of models.
type (
	hereRead struct {
		number  int // of the reading: earlier ones may come later
		here    []library.Installed
		catalog *catalog.Catalog
		err     error
	}
	machineRead struct {
		machine fit.Machine
		plans   map[string]catalogued
		best    string
	}
	modelRemoved struct {
		removed *models.Removed
		err     error
	}
	modelRestored struct{ err error }
)

// read looks again at what is here, and the first time at the machine, too.
func (s *Service) read() tea.Cmd {
	known, ctx := s.library, s.tasks.Context()
	if known == nil {
		s.Err = ErrNoLibrary
		return nil
	}
	s.readings++
	number := s.readings
	here := func() tea.Msg {
		c, err := known.Catalog()
		list, failed := known.InstalledWithNeeds(ctx)
		return hereRead{number, list, c, errors.Join(err, failed)}
	}
	if s.Machine != nil {
		return here
	}
	return tea.Batch(here, func() tea.Msg {
		h := known.Machine(ctx)
		msg := machineRead{machine: h}
		c, err := known.Catalog()
		if err != nil {
			return msg // which the other command tells
		}
		msg.plans = planned(c, h)
		if best, ok := fit.Recommend(c.All(), h, engine.LoadOptions{}); ok {
			msg.best = best.Name
		}
		return msg
	})
}

// planned plans the models of a catalogue for a machine.
func planned(c *catalog.Catalog, h fit.Machine) map[string]catalogued {
	plans := map[string]catalogued{}
	for _, m := range c.All() {
		whole, ok := fit.FromCatalog(m)
		if !ok || !m.Local() {
			continue
		}
		if usual, err := whole.Quantized(catalog.DefaultType); err == nil {
			plans[m.Name] = catalogued{usual.Plan(h, engine.LoadOptions{}), usual.DownloadSize(m)}
		}
	}
	return plans
}

// fit plans the models that are here for the machine, when both are known.
func (s *Service) fit() {
	s.fits = map[string]fit.Plan{}
	for _, i := range s.Installed {
		if i.Needs != nil && s.Machine != nil {
			s.fits[i.Name] = i.Needs.Plan(*s.Machine, engine.LoadOptions{})
		}
	}
}

// Update takes the news of models.
func (s *Service) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case hereRead:
		if msg.number != s.readings {
			return nil
		}
		s.Installed, s.Err = msg.here, msg.err
		if s.Installed == nil {
			s.Installed = []library.Installed{}
		}
		if msg.catalog != nil {
			s.catalog = msg.catalog
		}
		s.fit()
	case machineRead:
		s.Machine, s.plans, s.best = &msg.machine, msg.plans, msg.best
		s.fit()
	case unfinishedRead:
		s.takeUp(msg)
	case DownloadPlanned:
		return s.planned(msg)
	case ProgressSampled:
		return s.looked(msg)
	case DownloadEnded:
		return s.ended(msg)
	case pullWanted:
		return s.pull(msg.request, msg.title)
	case licenceAccepted:
		return s.accepted(msg)
	case downloadRestored:
		return s.restored(msg)
	case undoAsked:
		return s.putBack()
	case modelRemoved:
		return s.wasRemoved(msg)
	case modelRestored:
		if msg.err != nil {
			s.notify.Error(msg.err)
		}
		return s.read()
	}
	return nil
}

// remove is the command that removes a model, which can be undone until bise is
// left.
func (s *Service) remove(m library.Installed) tea.Cmd {
	if err := m.CheckRemovable(); err != nil {
		s.notify.Error(err)
		return nil
	}
	known, ctx, gone := s.library, s.tasks.Context(), m.Model
	return func() tea.Msg {
		r, err := known.Remove(ctx, gone)
		return modelRemoved{r, err}
	}
}

func (s *Service) wasRemoved(msg modelRemoved) tea.Cmd {
	if msg.err != nil {
		s.notify.Error(msg.err)
		return s.read()
	}
	gone := msg.removed.Model
	s.removed = append(s.removed, msg.removed)
	s.Installed = slices.DeleteFunc(s.Installed, func(i library.Installed) bool { return i.Name == gone.Name })
	s.engines.MarkRemoved(gone.Name)
	s.notify.Undo(fmt.Sprintf("deleted %q", kit.OneLine(gone.Name)), func() tea.Msg { return undoAsked{} })
	return s.read()
}

// undoAsked asks for the model back that was removed last.
type undoAsked struct{}

// putBack puts the model back that was removed last.
func (s *Service) putBack() tea.Cmd {
	n := len(s.removed)
	if n == 0 {
		s.notify.Say("nothing that was deleted is left to bring back")
		return nil
	}
	last := s.removed[n-1]
	s.removed = s.removed[:n-1]
	return func() tea.Msg { return modelRestored{last.Undo()} }
}

// Chosen is the model that the current mode goes on with.
type Chosen struct{ Ref string }
