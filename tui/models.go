package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/tui/kit"

	tea "charm.land/bubbletea/v2"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
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

// A shelf is what is known of models, and what is done to them in the background.
// What it has not read yet is nil.
type shelf struct {
	look    *kit.Look
	notify  kit.Notify
	tasks   *kit.Tasks
	engines *engines
	folder  string
	home    string

	library   Models
	pulls     Downloads
	endpoints Endpoints
	catalog   *catalog.Catalog
	here      []library.Installed
	machine   *fit.Machine
	plans     map[string]catalogued // by name
	fits      map[string]fit.Plan   // of those here, by name
	best      string                // the model to take when nothing speaks for another
	err       error                 // why something could not be read
	readings  int

	downloads []*download
	number    int               // of downloads, to tell late news
	watched   bool              // a look at them is on its way
	cancelled []*pull.Plan      // downloads of which nothing is to stay
	removed   []*models.Removed // models that can still come back, the last one last
}

// A catalogued is how a model of the catalogue would be here, at the usual type.
type catalogued struct {
	fit.Plan
	download int64 // bytes
}

func newShelf(look *kit.Look, notify kit.Notify, tasks *kit.Tasks, e *engines, o Options, home string) *shelf {
	return &shelf{
		look: look, notify: notify, tasks: tasks, engines: e, library: o.Models, pulls: o.Downloads, endpoints: o.Endpoints,
		folder: o.Folder, home: home,
	}
}

var errNoLibrary = errors.New("there is nothing that knows models")

// begin looks for downloads that can go on.
func (s *shelf) begin() tea.Cmd {
	pulls := s.pulls
	if pulls == nil {
		return nil
	}
	return func() tea.Msg {
		list, err := pulls.Unfinished()
		return unfinishedRead{list, err}
	}
}

// close removes for good what was removed and cancelled. It is for when nothing goes
// on any more.
func (s *shelf) close() error {
	var errs []error
	for _, r := range s.removed {
		errs = append(errs, r.Purge())
	}
	for _, plan := range s.cancelled {
		if err := s.pulls.Forget(plan); !errors.Is(err, models.ErrBusy) {
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
func (s *shelf) read() tea.Cmd {
	known, ctx := s.library, s.tasks.Context()
	if known == nil {
		s.err = errNoLibrary
		return nil
	}
	s.readings++
	number := s.readings
	here := func() tea.Msg {
		c, err := known.Catalog()
		list, failed := known.InstalledWithNeeds(ctx)
		return hereRead{number, list, c, errors.Join(err, failed)}
	}
	if s.machine != nil {
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
		whole, ok := fit.Catalogued(m)
		if !ok || !m.Local() {
			continue
		}
		if usual, err := whole.As(catalog.DefaultType); err == nil {
			plans[m.Name] = catalogued{usual.On(h, engine.LoadOptions{}), usual.Download(m)}
		}
	}
	return plans
}

// fit plans the models that are here for the machine, when both are known.
func (s *shelf) fit() {
	s.fits = map[string]fit.Plan{}
	for _, i := range s.here {
		if i.Needs != nil && s.machine != nil {
			s.fits[i.Name] = i.Needs.On(*s.machine, engine.LoadOptions{})
		}
	}
}

// update takes the news of models.
func (s *shelf) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case hereRead:
		if msg.number != s.readings {
			return nil
		}
		s.here, s.err = msg.here, msg.err
		if s.here == nil {
			s.here = []library.Installed{}
		}
		if msg.catalog != nil {
			s.catalog = msg.catalog
		}
		s.fit()
	case machineRead:
		s.machine, s.plans, s.best = &msg.machine, msg.plans, msg.best
		s.fit()
	case unfinishedRead:
		s.takeUp(msg)
	case downloadPlanned:
		return s.planned(msg)
	case downloadsLooked:
		return s.looked(msg)
	case downloadEnded:
		return s.ended(msg)
	case pullWanted:
		return s.pull(msg.request, msg.title)
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
func (s *shelf) remove(m library.Installed) tea.Cmd {
	if err := m.Theirs(); err != nil {
		s.notify.Error(err)
		return nil
	}
	known, ctx, gone := s.library, s.tasks.Context(), m.Model
	return func() tea.Msg {
		r, err := known.Remove(ctx, gone)
		return modelRemoved{r, err}
	}
}

func (s *shelf) wasRemoved(msg modelRemoved) tea.Cmd {
	if msg.err != nil {
		s.notify.Error(msg.err)
		return s.read()
	}
	gone := msg.removed.Model
	s.removed = append(s.removed, msg.removed)
	s.here = slices.DeleteFunc(s.here, func(i library.Installed) bool { return i.Name == gone.Name })
	s.engines.gone(gone.Name)
	s.notify.Undo(fmt.Sprintf("deleted %q", kit.OneLine(gone.Name)), func() tea.Msg { return undoAsked{} })
	return s.read()
}

// undoAsked asks for the model back that was removed last.
type undoAsked struct{}

// putBack puts the model back that was removed last.
func (s *shelf) putBack() tea.Cmd {
	n := len(s.removed)
	if n == 0 {
		s.notify.Say("nothing that was deleted is left to bring back")
		return nil
	}
	last := s.removed[n-1]
	s.removed = s.removed[:n-1]
	return func() tea.Msg { return modelRestored{last.Undo()} }
}

// gone has a model that was removed opened anew when somebody asks it again.
func (e *engines) gone(name string) {
	for _, m := range e.models {
		if m.called(name) {
			m.state, m.engine, m.err = failed, nil, fault.Errorf(fault.NotFound, "%s was removed", name)
		}
	}
}

// called reports whether a model is the one of a name.
func (m *model) called(name string) bool {
	return strings.EqualFold(m.ref, name) || m.ref == "" && m.info.Model == name
}

// named is the model of a name, nil when nobody has asked for it.
func (e *engines) named(name string) *model {
	for _, m := range e.models {
		if m.called(name) && m.state != failed {
			return m
		}
	}
	return nil
}
