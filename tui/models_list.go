package tui

import (
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/units"
)

// modelsDialog is the list of models: those that are on their way, on this machine,
// on servers, and those that could be here. To somebody who has none it is the first
// thing that they see.
type modelsDialog struct {
	list
	shelf   *shelf
	first   bool // there is no model yet
	entries []entry
}

func newModelsDialog(s *shelf, first bool) *modelsDialog {
	m := &modelsDialog{shelf: s, list: list{look: s.look, letters: true, right: []bool{false, true}}, first: first}
	m.detail = m.known
	m.refresh()
	return m
}

func (m *modelsDialog) title() string {
	if m.first {
		return ""
	}
	return "Models"
}

func (m *modelsDialog) note() string {
	if m.width < tabsWidth {
		return ""
	}
	return m.look.Theme.muted.Render(oneLine(m.shelf.described))
}

func (m *modelsDialog) begin() tea.Cmd { return m.shelf.read() }

// refresh makes the rows anew, and keeps the choice where it was.
func (m *modelsDialog) refresh() {
	before, chosen := "", m.chosen
	if i, ok := m.row(); ok && i < len(m.entries) {
		before = m.entries[i].key()
	}
	m.entries = m.shelf.entries(m.filter.text, m.first)
	rows := make([]row, len(m.entries))
	for i, e := range m.entries {
		rows[i] = m.narrowed(e.row)
		if e.key() == before && chosen > 0 {
			chosen = i
		}
	}
	m.intro = nil
	if m.first {
		m.intro = []string{"Choose a model. It is downloaded once and stays on this machine."}
	}
	switch {
	case m.shelf.err != nil:
		msg, advice := Explain(m.shelf.err)
		m.empty = []string{msg, advice}
	case m.filter.text != "":
		m.empty = []string{fmt.Sprintf("No model has %q. A repository such as hf:owner/name, or an address, can be downloaded too: %s.", oneLine(m.filter.text), m.look.Keys.Choose.Help().Key)}
	case m.shelf.machine == nil:
		m.empty = []string{"Looking at this machine."}
	default:
		m.empty = []string{"There is no model to choose from."}
	}
	m.chosen = chosen
	m.show(rows)
}

// narrowed cuts a row's name where it would leave no room for what else there is; the
// chosen one's is told whole below the rows.
func (m *modelsDialog) narrowed(r row) row {
	_, width := column(m.width)
	most := width
	switch {
	case width < 60:
		most = 19
	case width < 90:
		most = 26
	}
	if cells(r.cells[0]) > most {
		r.cells = append([]string{cut(r.cells[0], most)}, r.cells[1:]...)
		r.marks = nil
	}
	return r
}

func (m *modelsDialog) resize(width, height int) {
	if width != m.width {
		m.width = width
		m.refresh()
	}
	m.list.resize(width, height)
}

// entry is the chosen one, false when there is none.
func (m *modelsDialog) entry() (entry, bool) {
	if i, ok := m.row(); ok {
		return m.entries[i], true
	}
	return entry{}, false
}

// Keys of the list.
var (
	aboutKey  = letter("space", "about it")
	pauseKey  = letter("p", "pause")
	importKey = letter("i", "import a file")
	serverKey = letter("s", "use a server")
	filterKey = letter("/", "filter")
)

func (m *modelsDialog) bindings() []hint {
	e, ok := m.entry()
	later := hint{m.look.Keys.Back, ""}
	if m.first {
		later.words = "later"
	}
	more := []hint{{filterKey, ""}, {importKey, ""}, {serverKey, ""}, later}
	if !ok {
		return more
	}
	var list []hint
	switch {
	case e.download != nil:
		switch e.download.state {
		case seeking, coming:
			list = []hint{{pauseKey, ""}}
		case asking:
			list = []hint{{m.look.Keys.Choose, "read the licence"}}
		default:
			list = []hint{{m.look.Keys.Choose, "go on"}}
		}
		list = append(list, hint{m.look.Keys.Delete, "cancel"})
	case e.installed != nil:
		list = []hint{{m.look.Keys.Choose, "use it"}, {aboutKey, ""}, {m.look.Keys.Delete, ""}}
	case e.model != nil && !e.model.Local():
		list = []hint{{aboutKey, ""}}
	case e.model != nil:
		list = []hint{{m.look.Keys.Choose, "download"}, {aboutKey, ""}}
	default:
		list = []hint{{m.look.Keys.Choose, "its models"}}
	}
	if len(m.shelf.removed) > 0 {
		list = append(list, hint{m.look.Keys.Undo, "undo delete"})
	}
	return append(list, more...)
}

func (m *modelsDialog) foot() foot { return foot{hints: m.bindings()} }

func (m *modelsDialog) press(k tea.KeyPressMsg) outcome {
	o := m.pressKey(k)
	m.refresh()
	return o
}

func (m *modelsDialog) pressKey(k tea.KeyPressMsg) outcome {
	if m.filtering {
		return m.pressList(k)
	}
	e, ok := m.entry()
	switch {
	case is(k, importKey):
		return m.importFile()
	case is(k, serverKey):
		return openDialog(newServersDialog(m.shelf, ""))
	case is(k, m.look.Keys.Undo) && len(m.shelf.removed) > 0:
		return took(m.shelf.putBack())
	case !ok:
	case is(k, aboutKey):
		return m.about(e)
	case is(k, pauseKey) && e.download != nil:
		return m.pauseOrGoOn(e.download)
	case is(k, m.look.Keys.Delete):
		return m.remove(e)
	}
	return m.pressList(k)
}

// pressList gives a key to the list, and takes those that it has no use for.
func (m *modelsDialog) pressList(k tea.KeyPressMsg) outcome {
	change := m.list.press(k)
	switch {
	case change.handled:
		return took(nil)
	case is(k, m.look.Keys.Choose):
		return m.choice()
	case is(k, m.look.Keys.Back):
		return answer(nil)
	}
	return pass()
}

// choice does with the chosen model what one most likely wants.
func (m *modelsDialog) choice() outcome {
	e, ok := m.entry()
	switch {
	case !ok && m.filter.text != "":
		ref := strings.TrimSpace(m.filter.text)
		return took(m.begun(m.shelf.pull(pull.Request{Ref: ref}, ref)))
	case !ok:
		return took(nil)
	case e.download != nil && e.download.state == asking:
		return openDialog(newLicenceDialog(m.look, e.download))
	case e.download != nil && isTooBig(e.download.err):
		return m.shelf.anyway(e.download.request, e.download.title, e.download.err)
	case e.download != nil:
		return took(m.shelf.goOn(e.download))
	case e.installed != nil && e.installed.Problem != nil:
		m.shelf.notify.Error(e.installed.Problem)
		return took(nil)
	case e.installed != nil:
		return answer(modelChosen{e.installed.Name})
	case e.model != nil:
		return m.download(e)
	}
	return openDialog(newServersDialog(m.shelf, e.server))
}

// download begins the download of a model of the catalogue, unless it cannot run
// here.
func (m *modelsDialog) download(e entry) outcome {
	if err := e.model.CannotRun(); err != nil {
		m.shelf.notify.Error(err)
		return took(nil)
	}
	request := pull.Request{Ref: e.model.Name}
	if p, ok := m.shelf.plans[e.model.Name]; ok && p.Verdict == fit.No {
		return m.shelf.anyway(request, e.model.Title, tooBig(e.model.Title, p.Plan, *m.shelf.machine))
	}
	return took(m.begun(m.shelf.pull(request, e.model.Title)))
}

// begun shows a download that was begun, among all models.
func (m *modelsDialog) begun(cmd tea.Cmd) tea.Cmd {
	m.filter.reset()
	m.filtering = false
	m.refresh()
	for i, e := range m.entries {
		if e.download != nil {
			m.choose(i) // the last of them
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
func (s *shelf) anyway(r pull.Request, title string, why error) outcome {
	r.Anyway = true
	s.notify(Notice{Text: oneLine(why.Error()), Stays: true, Key: "d", Word: "download it anyway", Do: func() tea.Msg { return pullWanted{r, title} }})
	return took(nil)
}

func (m *modelsDialog) pauseOrGoOn(w *download) outcome {
	if w.active() {
		m.shelf.pause(w)
		return took(nil)
	}
	return took(m.shelf.goOn(w))
}

// remove deletes a model, or cancels a download. Both can be undone.
func (m *modelsDialog) remove(e entry) outcome {
	switch {
	case e.download != nil:
		m.shelf.cancel(e.download)
	case e.installed != nil:
		return took(m.shelf.remove(*e.installed))
	}
	return took(nil)
}

func (m *modelsDialog) importFile() outcome {
	return openDialog(newPrompt(m.look, "Import", "The path of a GGUF file, or of a folder that has one model. It is used where it lies, and has to stay there.", "", "import", func(path string) outcome {
		return answer(importChosen{path})
	}))
}

// about tells more of a model.
func (m *modelsDialog) about(e entry) outcome {
	switch {
	case e.installed != nil:
		return openDialog(newAboutInstalled(m.shelf, e.installed))
	case e.model != nil:
		return openDialog(newAboutModel(m.shelf, *e.model))
	}
	return took(nil)
}

// known is what is known of a row, in a line or two.
func (m *modelsDialog) known(i, width int) []string {
	e := m.entries[i]
	switch {
	case e.download != nil && e.download.err != nil:
		msg, advice := Explain(e.download.err)
		return wrapped(oneLine(msg+" "+advice), width)
	case e.installed != nil:
		if p := e.installed.Problem; p != nil {
			return wrapped(oneLine(p.Error()), width)
		}
		return []string{m.look.Theme.muted.Render(cut(joinedParts(e.installed.Name, e.installed.Type, termsMark(e.installed), whose(e.installed)), width))}
	case e.model != nil:
		terms, view := "", contextOf(*e.model)
		if view != "" {
			view += " of context"
		}
		if l, ok := e.model.Terms(); ok {
			terms = l.Mark()
		}
		lines := wrapped(e.model.About, width)
		return append(lines, m.look.Theme.muted.Render(cut(joinedParts(e.model.Name, e.model.Words(), terms, view), width)))
	}
	return nil
}

func termsMark(i *Installed) string {
	if i.Terms.ID == "" {
		return ""
	}
	return i.Terms.Mark()
}

// joinedParts are the parts that there are, apart by dots.
func joinedParts(parts ...string) string {
	var list []string
	for _, p := range parts {
		if p = oneLine(p); p != "" {
			list = append(list, p)
		}
	}
	return strings.Join(list, " · ")
}

func (m *modelsDialog) update(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case importChosen:
		cmd = m.shelf.importFile(msg.path)
	case hereRead, machineRead, unfinishedRead, modelRemoved, modelRestored,
		downloadPlanned, downloadsLooked, downloadEnded, downloadRestored, pullWanted,
		modelOpened, modelLoading, modelReady, serverAdded:
	default:
		return nil
	}
	m.refresh()
	return cmd
}

func (m *modelsDialog) paste(text string) outcome {
	if m.list.paste(text).filtered {
		m.refresh()
	}
	return took(nil)
}

func (m *modelsDialog) click(_, y int) outcome {
	if _, again := m.list.click(y); again {
		o := m.choice()
		m.refresh()
		return o
	}
	return took(nil)
}
