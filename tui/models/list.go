package models

import (
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// Dialog is the list of models: those that are on their way, on this machine,
// on servers, and those that could be here. To somebody who has none it is the first
// thing that they see.
type Dialog struct {
	kit.ListDialog
	shelf   *Service
	first   bool // there is no model yet
	entries []entry
}

func NewDialog(s *Service, first bool) *Dialog {
	m := &Dialog{shelf: s, first: first}
	m.ListDialog = kit.ListDialog{
		List: kit.List{Look: s.look, FilterOnSlash: true, AlignRight: []bool{false, true}}, Hints: m.hints,
		Choose: func(row int) kit.Outcome { return m.choose(m.entries[row]) },
		Refill: func() tea.Cmd { m.refresh(); return nil },
	}
	if !first {
		m.Heading = "Models"
	}
	m.Detail = m.known
	m.refresh()
	return m
}

// First reports whether the dialog was opened because there is no model.
func (m *Dialog) First() bool { return m.first }

func (m *Dialog) Note() string {
	if m.Width < kit.WideColumns {
		return ""
	}
	if m.shelf.Machine == nil {
		return ""
	}
	return m.Look.Theme.Muted.Render(kit.OneLine(library.MachineLine(*m.shelf.Machine)))
}

func (m *Dialog) Init() tea.Cmd { return m.shelf.read() }

// refresh makes the rows anew, and keeps the choice where it was.
func (m *Dialog) refresh() {
	before, chosen := "", m.Selected
	if i, ok := m.SelectedRow(); ok && i < len(m.entries) {
		before = m.entries[i].key()
	}
	m.entries = m.shelf.entries(m.Filter.Text, m.first)
	rows := make([]kit.Row, len(m.entries))
	for i, e := range m.entries {
		rows[i] = m.narrowed(e.row)
		if e.key() == before && chosen > 0 {
			chosen = i
		}
	}
	m.Intro = nil
	if m.first {
		m.Intro = []string{"Choose a model. It is downloaded once and stays on this machine."}
	}
	switch {
	case m.shelf.Err != nil:
		msg, advice := kit.Explain(m.shelf.Err)
		m.Empty = []string{msg, advice}
	case m.Filter.Text != "":
		m.Empty = []string{fmt.Sprintf("No model has %q. A repository such as hf:owner/name, or an address, can be downloaded too: %s.", kit.OneLine(m.Filter.Text), m.Look.Keys.Choose.Help().Key)}
	case m.shelf.Machine == nil:
		m.Empty = []string{"Looking at this machine."}
	default:
		m.Empty = []string{"There is no model to choose from."}
	}
	m.Selected = chosen
	m.SetRows(rows)
}

// narrowed cuts a row's name where it would leave no room for what else there is; the
// chosen one's is told whole below the rows.
func (m *Dialog) narrowed(r kit.Row) kit.Row {
	_, width := kit.Column(m.Width)
	most := width
	switch {
	case width < 60:
		most = 19
	case width < 90:
		most = 26
	}
	if kit.Width(r.Cells[0]) > most {
		r.Cells = append([]string{kit.Truncate(r.Cells[0], most)}, r.Cells[1:]...)
		r.Marks = nil
	}
	return r
}

func (m *Dialog) Resize(width, height int) {
	if width != m.Width {
		m.Width = width
		m.refresh()
	}
	m.List.Resize(width, height)
}

// entry is the chosen one, false when there is none.
func (m *Dialog) entry() (entry, bool) {
	if i, ok := m.SelectedRow(); ok {
		return m.entries[i], true
	}
	return entry{}, false
}

// Keys of the list.
var (
	aboutKey  = kit.NewBinding("space", "about it")
	pauseKey  = kit.NewBinding("p", "pause")
	importKey = kit.NewBinding("i", "import a file")
	serverKey = kit.NewBinding("s", "use a server")
	filterKey = kit.NewBinding("/", "filter")
)

func (m *Dialog) hints() []kit.Hint {
	e, ok := m.entry()
	later := kit.Hint{Binding: m.Look.Keys.Back, Words: ""}
	if m.first {
		later.Words = "later"
	}
	more := []kit.Hint{{Binding: filterKey, Words: ""}, {Binding: importKey, Words: ""}, {Binding: serverKey, Words: ""}, later}
	if !ok {
		return more
	}
	var list []kit.Hint
	switch {
	case e.download != nil:
		switch e.download.State {
		case Planning, Running:
			list = []kit.Hint{{Binding: pauseKey, Words: ""}}
		case AwaitingLicence:
			list = []kit.Hint{{Binding: m.Look.Keys.Choose, Words: "read the licence"}}
		default:
			list = []kit.Hint{{Binding: m.Look.Keys.Choose, Words: "go on"}}
		}
		list = append(list, kit.Hint{Binding: m.Look.Keys.Delete, Words: "cancel"})
	case e.installed != nil:
		list = []kit.Hint{{Binding: m.Look.Keys.Choose, Words: "use"}, {Binding: aboutKey, Words: ""}, {Binding: m.Look.Keys.Delete, Words: ""}}
	case e.model != nil && !e.model.Local():
		list = []kit.Hint{{Binding: aboutKey, Words: ""}}
	case e.model != nil:
		list = []kit.Hint{{Binding: m.Look.Keys.Choose, Words: "download"}, {Binding: aboutKey, Words: ""}}
	default:
		list = []kit.Hint{{Binding: m.Look.Keys.Choose, Words: "its models"}}
	}
	if len(m.shelf.removed) > 0 {
		list = append(list, kit.Hint{Binding: m.Look.Keys.Undo, Words: "undo delete"})
	}
	return append(list, more...)
}

func (m *Dialog) Press(k tea.KeyPressMsg) kit.Outcome {
	o := m.pressKey(k)
	m.refresh()
	return o
}

func (m *Dialog) pressKey(k tea.KeyPressMsg) kit.Outcome {
	if m.Filtering {
		return m.pressList(k)
	}
	e, ok := m.entry()
	switch {
	case kit.Matches(k, importKey):
		return m.importFile()
	case kit.Matches(k, serverKey):
		return kit.Open(newServersDialog(m.shelf, ""))
	case kit.Matches(k, m.Look.Keys.Undo) && len(m.shelf.removed) > 0:
		return kit.Handled(m.shelf.putBack())
	case !ok:
	case kit.Matches(k, aboutKey):
		return m.about(e)
	case kit.Matches(k, pauseKey) && e.download != nil:
		return m.pauseOrGoOn(e.download)
	case kit.Matches(k, m.Look.Keys.Delete):
		return m.remove(e)
	}
	return m.pressList(k)
}

// pressList gives a key to the list. A filter that matches no model can be a REF to download.
func (m *Dialog) pressList(k tea.KeyPressMsg) kit.Outcome {
	if ref := strings.TrimSpace(m.Filter.Text); len(m.entries) == 0 && ref != "" && kit.Matches(k, m.Look.Keys.Choose) {
		return kit.Handled(m.begun(m.shelf.pull(pull.Request{Ref: ref}, ref)))
	}
	return m.ListDialog.Press(k)
}

// choose uses, downloads or continues a model, or opens its server.
func (m *Dialog) choose(e entry) kit.Outcome {
	switch {
	case e.download != nil && e.download.State == AwaitingLicence:
		return kit.Open(newLicenceDialog(m.Look, e.download))
	case e.download != nil && isTooBig(e.download.err):
		return m.shelf.anyway(e.download.Request, e.download.title, e.download.err)
	case e.download != nil:
		return kit.Handled(m.shelf.goOn(e.download))
	case e.installed != nil && e.installed.Problem != nil:
		m.shelf.notify.Error(e.installed.Problem)
		return kit.Handled(nil)
	case e.installed != nil:
		return kit.Close(Chosen{e.installed.Name})
	case e.model != nil:
		return m.download(e)
	}
	return kit.Open(newServersDialog(m.shelf, e.server))
}

// download begins the download of a model of the catalogue, unless it cannot run
// here.
func (m *Dialog) download(e entry) kit.Outcome {
	if err := e.model.CannotRun(); err != nil {
		m.shelf.notify.Error(err)
		return kit.Handled(nil)
	}
	request := pull.Request{Ref: e.model.Name}
	if p, ok := m.shelf.plans[e.model.Name]; ok && p.Verdict == fit.No {
		return m.shelf.anyway(request, e.model.Title, tooBig(e.model.Title, p.Plan, *m.shelf.Machine))
	}
	return kit.Handled(m.begun(m.shelf.pull(request, e.model.Title)))
}

// begun shows a download that was begun, among all models.
func (m *Dialog) begun(cmd tea.Cmd) tea.Cmd {
	m.Filter.Reset()
	m.Filtering = false
	m.refresh()
	for i, e := range m.entries {
		if e.download != nil {
			m.Select(i) // the last of them
		}
	}
	return cmd
}

// tooBig is the error of a model that does not fit.
func tooBig(title string, p fit.Plan, h fit.Machine) error {
	return fault.Errorf(fault.NoMemory, "%s needs %s of memory and this machine has %s", title, units.Size(p.Need), units.Size(h.Memory))
}

func isTooBig(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && e.Kind == fault.NoMemory
}

// anyway warns of a model that does not fit, and lets the person have it.
func (s *Service) anyway(r pull.Request, title string, why error) kit.Outcome {
	r.Anyway = true
	s.notify(kit.Notice{Text: kit.OneLine(why.Error()), Stays: true, Key: "d", Word: "download it anyway", Do: func() tea.Msg { return pullWanted{r, title} }})
	return kit.Handled(nil)
}

func (m *Dialog) pauseOrGoOn(w *Download) kit.Outcome {
	if w.active() {
		m.shelf.pause(w)
		return kit.Handled(nil)
	}
	return kit.Handled(m.shelf.goOn(w))
}

// remove deletes a model, or cancels a download. Both can be undone.
func (m *Dialog) remove(e entry) kit.Outcome {
	switch {
	case e.download != nil:
		m.shelf.cancel(e.download)
	case e.installed != nil:
		return kit.Handled(m.shelf.remove(*e.installed))
	}
	return kit.Handled(nil)
}

func (m *Dialog) importFile() kit.Outcome {
	return kit.Open(kit.NewPrompt(m.Look, "Import", "The path of a GGUF file, or of a folder that has one model. It is used where it lies, and has to stay there.", "", "import", func(path string) kit.Outcome {
		return kit.Close(importChosen{path})
	}))
}

// about tells more of a model.
func (m *Dialog) about(e entry) kit.Outcome {
	switch {
	case e.installed != nil:
		return kit.Open(newAboutInstalled(m.shelf, e.installed))
	case e.model != nil:
		return kit.Open(newAboutModel(m.shelf, *e.model))
	}
	return kit.Handled(nil)
}

// known is what is known of a row, in a line or two.
func (m *Dialog) known(i, width int) []string {
	e := m.entries[i]
	switch {
	case e.download != nil && e.download.err != nil:
		msg, advice := kit.Explain(e.download.err)
		return kit.Wrap(kit.OneLine(msg+" "+advice), width)
	case e.installed != nil:
		if p := e.installed.Problem; p != nil {
			return kit.Wrap(kit.OneLine(p.Error()), width)
		}
		return []string{m.Look.Theme.Muted.Render(kit.Truncate(joinedParts(e.installed.Name, e.installed.Type, termsMark(e.installed), whose(e.installed)), width))}
	case e.model != nil:
		terms, view := "", contextOf(*e.model)
		if view != "" {
			view += " of context"
		}
		if l, ok := e.model.Terms(); ok {
			terms = l.Mark()
		}
		lines := kit.Wrap(e.model.About, width)
		return append(lines, m.Look.Theme.Muted.Render(kit.Truncate(joinedParts(e.model.Name, e.model.Words(), terms, view), width)))
	}
	return nil
}

func termsMark(i *library.Installed) string {
	if i.Terms.ID == "" {
		return ""
	}
	return i.Terms.Mark()
}

// joinedParts are the parts that there are, apart by dots.
func joinedParts(parts ...string) string {
	var list []string
	for _, p := range parts {
		if p = kit.OneLine(p); p != "" {
			list = append(list, p)
		}
	}
	return strings.Join(list, " · ")
}

func (m *Dialog) Update(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case importChosen:
		cmd = m.shelf.importFile(msg.path)
	case hereRead, machineRead, unfinishedRead, modelRemoved, modelRestored,
		DownloadPlanned, ProgressSampled, DownloadEnded, downloadRestored, pullWanted,
		engines.ModelOpened, engines.ModelLoading, engines.ModelReady, serverAdded:
	default:
		return nil
	}
	m.refresh()
	return cmd
}

func (m *Dialog) Click(x, y int) kit.Outcome {
	defer m.refresh()
	return m.ListDialog.Click(x, y)
}
