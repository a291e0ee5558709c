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

// Dialog is the list of models: downloads, installed models, models on servers and models to
// download. It is the first screen for a user without models.
type Dialog struct {
	kit.ListDialog
	service *Service
	first   bool // the user has no models yet
	entries []entry
}

func NewDialog(s *Service, first bool) *Dialog {
	m := &Dialog{service: s, first: first}
	m.ListDialog = kit.ListDialog{
		List: kit.List{Look: s.look, FilterOnSlash: true, AlignRight: []bool{false, true}}, Hints: m.hints,
		Choose: func(row int) kit.Outcome { return m.choose(m.entries[row]) },
		Refill: func() tea.Cmd { m.refresh(); return nil },
	}
	if !first {
		m.Heading = "Models"
	}
	m.Detail = m.describeRow
	m.refresh()
	return m
}

// First reports whether the dialog opened because the user has no models.
func (m *Dialog) First() bool { return m.first }

func (m *Dialog) Note() string {
	if m.Width < kit.WideColumns {
		return ""
	}
	if m.service.Machine == nil {
		return ""
	}
	return m.Look.Theme.Muted.Render(kit.OneLine(library.MachineLine(*m.service.Machine)))
}

func (m *Dialog) Init() tea.Cmd { return m.service.load() }

// refresh updates the rows and keeps the selection.
func (m *Dialog) refresh() {
	before, chosen := "", m.Selected
	if i, ok := m.SelectedRow(); ok && i < len(m.entries) {
		before = m.entries[i].key()
	}
	m.entries = m.service.entries(m.Filter.Text, m.first)
	rows := make([]kit.Row, len(m.entries))
	for i, e := range m.entries {
		rows[i] = m.truncateName(e.row)
		if e.key() == before && chosen > 0 {
			chosen = i
		}
	}
	m.Intro = nil
	if m.first {
		m.Intro = []string{"Choose a model. It is downloaded once and stays on this machine."}
	}
	switch {
	case m.service.Err != nil:
		msg, advice := kit.Explain(m.service.Err)
		m.Empty = []string{msg, advice}
	case m.Filter.Text != "":
		m.Empty = []string{fmt.Sprintf("No model matches %q. Press %[2]s to download it as a repository (hf:owner/name) or a URL.", kit.OneLine(m.Filter.Text), kit.KeyOr(m.Look.Keys.Choose, "enter"))}
	case m.service.Machine == nil:
		m.Empty = []string{"Checking this machine."}
	default:
		m.Empty = []string{"No models available."}
	}
	m.Selected = chosen
	m.SetRows(rows)
}

// truncateName shortens a row's name to leave room for the other columns. The details show the
// whole name.
func (m *Dialog) truncateName(r kit.Row) kit.Row {
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

// entry returns the selected entry.
func (m *Dialog) entry() (entry, bool) {
	if i, ok := m.SelectedRow(); ok {
		return m.entries[i], true
	}
	return entry{}, false
}

// Keys of the list.
var (
	aboutKey  = kit.NewBinding("space", "details")
	pauseKey  = kit.NewBinding("p", "pause")
	importKey = kit.NewBinding("i", "import")
	serverKey = kit.NewBinding("s", "server")
	filterKey = kit.NewBinding("/", "filter")
	useKey    = kit.NewBinding("m", "make default")
	unloadKey = kit.NewBinding("x", "unload")
)

func (m *Dialog) hints() []kit.Hint {
	e, ok := m.entry()
	later := kit.Hint{Binding: m.Look.Keys.Back, Words: ""}
	if m.first {
		later.Words = "later"
	}
	more := []kit.Hint{{Binding: filterKey, General: true}, {Binding: importKey, General: true}, {Binding: serverKey, General: true}, later}
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
			list = []kit.Hint{{Binding: m.Look.Keys.Choose, Words: "resume"}}
		}
		list = append(list, kit.Hint{Binding: m.Look.Keys.Delete, Words: "cancel"})
	case e.installed != nil:
		list = []kit.Hint{{Binding: m.Look.Keys.Choose, Words: "use"}, {Binding: aboutKey, Words: ""}, {Binding: useKey}}
		if m.service.inMemory(e.installed) {
			list = append(list, kit.Hint{Binding: unloadKey})
		}
		list = append(list, kit.Hint{Binding: m.Look.Keys.Delete})
	case e.model != nil && !e.model.Local():
		list = []kit.Hint{{Binding: aboutKey, Words: ""}}
	case e.model != nil:
		list = []kit.Hint{{Binding: m.Look.Keys.Choose, Words: "download"}, {Binding: aboutKey, Words: ""}}
	default:
		list = []kit.Hint{{Binding: m.Look.Keys.Choose, Words: "list models"}}
	}
	if len(m.service.removed) > 0 {
		list = append(list, kit.Hint{Binding: m.Look.Keys.Undo, Words: "undo delete", General: true})
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
		return kit.Open(newServersDialog(m.service, ""))
	case kit.Matches(k, m.Look.Keys.Undo) && len(m.service.removed) > 0:
		return kit.Handled(m.service.restoreLast())
	case !ok:
	case kit.Matches(k, aboutKey):
		return m.about(e)
	case kit.Matches(k, pauseKey) && e.download != nil:
		return m.pauseOrResume(e.download)
	case kit.Matches(k, useKey) && e.installed != nil:
		return kit.Handled(m.service.setDefault(e.installed.Name))
	case kit.Matches(k, unloadKey) && e.installed != nil:
		return kit.Handled(m.service.unload(e.installed))
	case kit.Matches(k, m.Look.Keys.Delete):
		return m.remove(e)
	}
	return m.pressList(k)
}

// pressList gives a key to the list. A filter that matches no model can be a REF to download.
func (m *Dialog) pressList(k tea.KeyPressMsg) kit.Outcome {
	if ref := strings.TrimSpace(m.Filter.Text); len(m.entries) == 0 && ref != "" && kit.Matches(k, m.Look.Keys.Choose) {
		return kit.Handled(m.showDownload(m.service.pull(pull.Request{Ref: ref}, ref)))
	}
	return m.ListDialog.Press(k)
}

// choose uses, downloads or continues a model, or opens its server.
func (m *Dialog) choose(e entry) kit.Outcome {
	m.Filtering = false // a letter is the key of what is offered
	switch {
	case e.download != nil && e.download.State == AwaitingLicence:
		return kit.Open(newLicenceDialog(m.Look, e.download))
	case e.download != nil && isTooBig(e.download.err):
		return m.service.warnTooBig(e.download.Request, e.download.title, e.download.err)
	case e.download != nil:
		return kit.Handled(m.service.resume(e.download))
	case e.installed != nil && e.installed.Problem != nil:
		m.service.notify.Error(e.installed.Problem)
		return kit.Handled(nil)
	case e.installed != nil:
		return kit.Close(Chosen{e.installed.Name})
	case e.model != nil:
		return m.download(e)
	}
	return kit.Open(newServersDialog(m.service, e.server))
}

// download downloads a model of the catalogue, unless it cannot run on this machine.
func (m *Dialog) download(e entry) kit.Outcome {
	if err := e.model.CheckRunnable(); err != nil {
		m.service.notify.Error(err)
		return kit.Handled(nil)
	}
	request := pull.Request{Ref: e.model.Name}
	if p := m.service.known[e.model.Name].Fit; p != nil && p.Verdict == fit.No {
		return m.service.warnTooBig(request, e.model.Name, tooBig(e.model.Name, *p, *m.service.Machine))
	}
	return kit.Handled(m.showDownload(m.service.pull(request, e.model.Name)))
}

// showDownload selects the new download in the unfiltered list.
func (m *Dialog) showDownload(cmd tea.Cmd) tea.Cmd {
	m.Filter.Reset()
	m.Filtering = false
	m.refresh()
	for i, e := range m.entries {
		if e.download != nil {
			m.Select(i) // the last one
		}
	}
	return cmd
}

// tooBig returns the error for a model that does not fit.
func tooBig(title string, p fit.Plan, h fit.Machine) error {
	return fault.Errorf(fault.NoMemory, "%s needs %s of memory and this machine has %s", title, units.Size(p.Need), units.Size(h.Memory))
}

func isTooBig(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && e.Kind == fault.NoMemory
}

// warnTooBig warns about a model that does not fit, and offers to download it anyway.
func (s *Service) warnTooBig(r pull.Request, title string, why error) kit.Outcome {
	r.Anyway = true
	s.notify(kit.Notice{Text: kit.OneLine(why.Error()), Stays: true, Key: "d", Word: "download anyway", Do: func() tea.Msg { return downloadRequested{r, title} }})
	return kit.Handled(nil)
}

func (m *Dialog) pauseOrResume(w *Download) kit.Outcome {
	if w.active() {
		m.service.pause(w)
		return kit.Handled(nil)
	}
	return kit.Handled(m.service.resume(w))
}

// remove deletes a model or cancels a download. Both can be undone.
func (m *Dialog) remove(e entry) kit.Outcome {
	switch {
	case e.download != nil:
		m.service.cancel(e.download)
	case e.installed != nil:
		return kit.Handled(m.service.remove(*e.installed))
	}
	return kit.Handled(nil)
}

func (m *Dialog) importFile() kit.Outcome {
	p := kit.NewPrompt(m.Look, "Import", "Path of a GGUF file, or of a folder with one model. bise uses the file in place, so do not move it.", "", "import", nil).Completing(m.service.completePath)
	p.Done = func(path string) kit.Outcome { return kit.Close(importChosen{path, p}) }
	return kit.Open(p)
}

// about opens the details of a model.
func (m *Dialog) about(e entry) kit.Outcome {
	switch {
	case e.installed != nil:
		return kit.Open(newAboutInstalled(m.service, e.installed))
	case e.model != nil:
		return kit.Open(newAboutModel(m.service, *e.model))
	}
	return kit.Handled(nil)
}

// describeRow returns the details of a row in a line or two.
func (m *Dialog) describeRow(i, width int) []string {
	e := m.entries[i]
	switch {
	case e.download != nil && e.download.err != nil:
		msg, advice := kit.Explain(e.download.err)
		return kit.Wrap(kit.OneLine(msg+" "+advice), width)
	case e.installed != nil:
		if p := e.installed.Problem; p != nil {
			return kit.Wrap(kit.OneLine(p.Error()), width)
		}
		var lines []string
		if used := library.UsedFor(m.service.choices, e.installed.Name); used != "" {
			lines = kit.Wrap("for "+kit.OneLine(used), width)
		}
		return append(lines, m.Look.Theme.Muted.Render(kit.Truncate(joinParts(e.installed.Title, e.installed.Type, e.installed.Terms.Label(), e.installed.Location()), width)))
	case e.model != nil:
		terms, view := "", contextOf(*e.model)
		if view != "" {
			view += " context"
		}
		if l, ok := e.model.Terms(); ok {
			terms = l.Label()
		}
		lines := kit.Wrap(e.model.About, width)
		return append(lines, m.Look.Theme.Muted.Render(kit.Truncate(joinParts(e.model.Title, e.model.AbilityText(), terms, view), width)))
	}
	return nil
}

// joinParts joins the parts that are not empty with dots.
func joinParts(parts ...string) string {
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
		cmd = m.service.importFile(msg.path, msg.prompt)
	case installedRead, machineRead, unfinishedRead, modelRemoved, modelRestored, modelUnloaded, defaultSet,
		DownloadPlanned, ProgressSampled, DownloadEnded, downloadRestored, downloadRequested,
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
