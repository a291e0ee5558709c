package code

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	infill "github.com/bise-sh/bise/modes/code"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
)

// Mode is an editor in which a model suggests what comes after the cursor.
type Mode struct {
	look    *kit.Look
	notify  kit.Notify
	tasks   *kit.Tasks
	engines *engines.Engines
	folder  string
	home    string

	list          kit.List // of files
	width, height int
	ref           string
	model         *engines.Model
	session       *infill.Session // nil until the model is ready
	keys          codeKeys

	paths   []string // of the folder; nil until loaded
	more    bool     // more files exist
	found   []string // that match the filter
	picking bool     // the list of files is shown

	file        *sourceFile // nil: no file is open
	text        kit.Editor
	left        int  // the first visible column
	warned      bool // of unsaved changes
	overwrite   bool // the next save overwrites a changed file
	highlighted highlighted

	number       int // of the last request
	stop         context.CancelFunc
	ghost        string            // the suggestion at the cursor
	alternatives []string          // other suggestions; nil: not requested
	Current      infill.Completion // of the last suggestion
	lastError    string            // the last error shown
}

// codeKeys are the keys of this mode.
type codeKeys struct {
	all, word, line, another, reject, save, open key.Binding
}

// maxFiles is how many files are searched, and maxListed how many are listed.
const (
	maxFiles  = 50_000
	maxListed = 100
)

// typingPause is the pause in typing before a suggestion is requested.
const typingPause = 60 * time.Millisecond

// Causes of errors, which go with them.
const (
	causeOpen    = "open a file in code"
	causeSave    = "save a file in code"
	causeSuggest = "suggest code"
)

// Messages of the mode. Those about suggestions carry the number of the request.
type (
	folderRead struct {
		paths []string
		more  bool
	}
	fileOpened struct {
		file *sourceFile
		err  error
	}
	fileSaved struct {
		file *sourceFile
		text string
		err  error
	}
	suggested struct {
		number int
		what   infill.Completion
		err    error
	}
	alternativesReceived struct {
		number int
		texts  []string
		err    error
	}
)

func New(look *kit.Look, notify kit.Notify, tasks *kit.Tasks, e *engines.Engines, ref, folder, home string) *Mode {
	m := &Mode{
		look: look, notify: notify, tasks: tasks, engines: e, ref: ref, folder: folder, home: home,
		list: kit.List{Look: look}, picking: true, stop: func() {},
	}
	m.keys = codeKeys{
		all: kit.NewBinding("tab", "accept"), word: kit.NewBinding("ctrl+right", "word"), line: kit.NewBinding("ctrl+down", "line"), another: kit.NewBinding("alt+]", "next"),
		reject: kit.NewBinding("esc", "reject"), save: kit.NewBinding("ctrl+s", "save"), open: kit.NewBinding("alt+o", "open a file"),
	}
	m.find()
	return m
}

func (m *Mode) Using() *engines.Model { return m.model }

func (m *Mode) UseModel(ref string) tea.Cmd {
	m.ref = ref
	var cmd tea.Cmd
	m.model, cmd = m.engines.Use(ref)
	m.clearSuggestion()
	m.forgetError()
	m.session = nil
	m.begin()
	m.find()
	if text := m.announcement(); text != "" && !m.picking {
		m.notify.Info(text)
	}
	return cmd
}

// announcement says where code goes, until it has gone there.
func (m *Mode) announcement() string {
	return m.engines.Announcement(m.model, "The code around the cursor goes")
}

func (m *Mode) Shown() tea.Cmd {
	var cmds []tea.Cmd
	if m.model == nil {
		if m.ref == "" {
			cmds = append(cmds, m.engines.Choose("code", ""))
		} else {
			cmds = append(cmds, m.UseModel(m.ref))
		}
	}
	if m.picking {
		cmds = append(cmds, m.listFiles())
	}
	return tea.Batch(cmds...)
}

// begin creates the session when the model is ready.
func (m *Mode) begin() {
	if m.session != nil || m.model == nil || m.model.State != engines.Ready {
		return
	}
	o := infill.Options{PromptTime: 2 * time.Second, Time: 3 * time.Second}
	if m.model.Info.Path != "" {
		// A local model can work ahead. A server elsewhere gets only real requests.
		o.Idle, o.Speculate = time.Second, true
	}
	session, ctx := infill.New(m.tasks.Context(), m.model.Engine, o), m.tasks.Context()
	m.session = session
	m.forgetError()
	m.tasks.Go(func() { // the engines close later
		<-ctx.Done()
		session.Close()
	})
}

func (m *Mode) Commands() []kit.Command {
	return []kit.Command{
		{Name: "open", Args: "PATH", Help: "open a file", Run: func(path string) kit.Outcome {
			if path == "" {
				return kit.Handled(m.pick())
			}
			return kit.Handled(m.openFile(path))
		}},
		{Name: "save", Help: "save the file", Run: func(string) kit.Outcome { return kit.Handled(m.save()) }},
	}
}

// Subject returns the file, with a dot if it is modified, and the model.
func (m *Mode) Subject() string {
	name := ""
	if m.model != nil {
		name = m.model.Label()
		if m.model.State == engines.Opening || m.model.State == engines.Loading {
			name = m.look.Theme.Muted.Render("loading " + name)
		}
	}
	if m.file == nil {
		return name
	}
	file := kit.OneLine(m.file.name)
	if m.modified() {
		file += m.look.Theme.Warn.Render(" •")
	}
	if name == "" {
		return file
	}
	return file + m.look.Theme.Muted.Render(" · ") + name
}

func (m *Mode) modified() bool { return m.file != nil && m.text.Text != m.file.saved }

// listFiles is a command that lists the files of the folder.
func (m *Mode) listFiles() tea.Cmd {
	ctx, dir := m.tasks.Context(), m.folder
	return func() tea.Msg {
		paths, more, _ := attach.FilesIn(ctx, dir, maxFiles) // unreadable folders are left out
		return folderRead{paths, more}
	}
}

// pick shows the list of files.
func (m *Mode) pick() tea.Cmd {
	m.clearSuggestion()
	m.picking = true
	m.list.Filter.Reset()
	m.find()
	return m.listFiles()
}

// find lists the files that match the filter.
func (m *Mode) find() {
	hits := kit.Filter(m.paths, m.list.Filter.Text, func(path string) string { return path })
	m.found = m.found[:0]
	rows := make([]kit.Row, 0, min(len(hits), maxListed))
	for _, h := range hits[:min(len(hits), maxListed)] {
		m.found = append(m.found, h.Item)
		marks := h.Marks
		if kit.OneLine(h.Item) != h.Item {
			marks = nil
		}
		rows = append(rows, kit.Row{Cells: []string{kit.OneLine(h.Item)}, Marks: marks})
	}
	m.list.Intro, m.list.Loading = []string{"Choose a file."}, m.paths == nil
	if text := m.announcement(); text != "" {
		m.list.Intro = append(m.list.Intro, text)
	}
	switch {
	case m.paths == nil:
		m.list.Empty = []string{"searching files"}
	case len(m.paths) == 0:
		m.list.Empty = []string{"No files in this folder. Use /open PATH to open another file."}
	default:
		m.list.Empty = []string{"No file matches."}
	}
	m.list.SetRows(rows)
}

// AsList returns the list of files while it is shown.
func (m *Mode) AsList() *kit.List {
	if m.picking || m.file == nil {
		return &m.list
	}
	return nil
}

// openFile opens a file; a relative path starts at the folder.
func (m *Mode) openFile(path string) tea.Cmd {
	dir := m.folder
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = m.home + string(os.PathSeparator) + rest
	}
	return func() tea.Msg {
		f, err := readSource(dir, path)
		return fileOpened{f, err}
	}
}

func (m *Mode) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case engines.ModelChosen:
		if msg.Mode == "code" && m.model == nil {
			return m.UseModel(msg.Ref)
		}
	case engines.ModelReady:
		m.begin()
	case folderRead:
		m.paths, m.more = msg.paths, msg.more
		if m.paths == nil {
			m.paths = []string{}
		}
		m.find()
	case fileOpened:
		m.showFile(msg)
	case fileSaved:
		m.saveDone(msg)
	case suggested:
		m.showSuggestion(msg)
	case alternativesReceived:
		m.showAlternative(msg)
	}
	return nil
}

// showFile shows a file that was opened.
func (m *Mode) showFile(msg fileOpened) {
	if msg.err != nil {
		m.notify.ErrorOf(causeOpen, msg.err)
		return
	}
	if m.modified() && !m.warned {
		m.warnUnsaved("open the other file again to discard them")
		return
	}
	m.notify.Solved(causeOpen)
	m.notify.Solved(causeSave)
	m.forgetError()
	if m.session != nil && m.file != nil {
		m.session.Visit(m.position())
	}
	m.clearSuggestion()
	m.file, m.picking, m.left, m.warned, m.overwrite = msg.file, false, 0, false, false
	m.Current = infill.Completion{}
	m.text = kit.Editor{Width: unwrapped, Tab: msg.file.layout.tab}
	m.text.SetText(msg.file.saved)
	m.text.ClearUndo()
	m.text.MoveTo(0)
}

// unwrapped is a width that breaks no line.
const unwrapped = 1 << 30

// position returns the position of the cursor.
func (m *Mode) position() infill.Place {
	return infill.Place{File: m.file.name, Text: m.text.Text, At: m.text.Cursor}
}

// save saves the file.
func (m *Mode) save() tea.Cmd {
	switch {
	case m.file == nil:
		m.notify.Info("no file is open")
		return nil
	case !m.modified():
		m.notify.Info(kit.OneLine(m.file.name) + " has no unsaved changes")
		return nil
	}
	file, text, overwrite := m.file, m.text.Text, m.overwrite
	return func() tea.Msg { return fileSaved{file, text, file.write(text, overwrite)} }
}

func (m *Mode) saveDone(msg fileSaved) {
	switch {
	case msg.err != nil:
		m.overwrite = errors.Is(msg.err, errChanged)
		m.notify.ErrorOf(causeSave, msg.err)
	default:
		msg.file.saved, m.warned, m.overwrite = msg.text, false, false
		m.notify.Info("saved " + kit.OneLine(msg.file.name))
	}
}

// CanLeave reports whether bise can quit without losing changes. It warns once if not.
func (m *Mode) CanLeave() bool {
	if !m.modified() || m.warned {
		return true
	}
	m.warnUnsaved(fmt.Sprintf("%s saves them, %s again discards them", m.keys.save.Help().Key, kit.KeyOr(m.look.Keys.Quit, "/quit")))
	return false
}

// warnUnsaved warns of unsaved changes, once until the next change.
func (m *Mode) warnUnsaved(what string) {
	m.warned = true
	m.notify(kit.Notice{Text: kit.OneLine(m.file.name) + " has unsaved changes: " + what, Stays: true, Cause: causeSave})
}

// clearSuggestion removes the suggestion and cancels the request for one.
func (m *Mode) clearSuggestion() {
	m.stop()
	m.number++
	m.ghost, m.alternatives = "", nil
}

// textChanged updates the suggestion after an edit. It keeps the rest of a suggestion that the
// user types.
func (m *Mode) textChanged(before string, at int) tea.Cmd {
	if m.warned {
		m.warned = false
		m.notify.Solved(causeSave)
	}
	ghost := m.ghost
	m.clearSuggestion()
	if put, ok := insertion(before, at, m.text.Text, m.text.Cursor); ok {
		if rest, along := strings.CutPrefix(ghost, put); along {
			m.ghost = rest
		}
	}
	return m.suggest(typingPause)
}

// insertion returns the inserted text, if nothing else changed.
func insertion(before string, at int, after string, now int) (string, bool) {
	n := len(after) - len(before)
	if n <= 0 || now != at+n || after[:at] != before[:at] || after[now:] != before[at:] {
		return "", false
	}
	return after[at:now], true
}

// suggest requests a suggestion after a pause.
func (m *Mode) suggest(after time.Duration) tea.Cmd {
	if m.session == nil || m.file == nil {
		return nil
	}
	ctx, stop := context.WithCancel(m.tasks.Context())
	m.stop = stop
	m.engines.MarkSent(m.model)
	session, place, number := m.session, m.position(), m.number
	return func() tea.Msg {
		defer stop()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(after):
		}
		c, err := session.Complete(ctx, place)
		if ctx.Err() != nil {
			return nil
		}
		return suggested{number, c, err}
	}
}

// showSuggestion shows a suggestion.
func (m *Mode) showSuggestion(msg suggested) {
	if msg.number != m.number {
		return
	}
	if msg.err != nil {
		m.ghost = ""
		m.reportError(msg.err)
		return
	}
	m.forgetError()
	m.ghost, m.Current = msg.what.Text, msg.what
}

// reportError shows an error once, because each key would repeat it.
func (m *Mode) reportError(err error) {
	if err.Error() != m.lastError {
		m.lastError = err.Error()
		m.notify.ErrorOf(causeSuggest, err)
	}
}

// forgetError removes the error of a suggestion: it has passed, or the model or the file is
// another one.
func (m *Mode) forgetError() {
	m.lastError = ""
	m.notify.Solved(causeSuggest)
}

// Hidden removes an error that means nothing in another mode.
func (m *Mode) Hidden() { m.forgetError() }

// another shows another suggestion.
func (m *Mode) another() tea.Cmd {
	switch {
	case m.ghost == "":
		m.clearSuggestion()
		return m.suggest(0)
	case len(m.alternatives) > 0:
		m.ghost, m.alternatives = m.alternatives[0], append(m.alternatives[1:], m.ghost)
		return nil
	}
	ctx, stop := context.WithCancel(m.tasks.Context())
	m.stop()
	m.stop = stop
	session, place, number := m.session, m.position(), m.number
	return func() tea.Msg {
		defer stop()
		more, err := session.Alternatives(ctx, place, 3)
		if ctx.Err() != nil {
			return nil
		}
		texts := make([]string, len(more))
		for i, c := range more {
			texts[i] = c.Text
		}
		return alternativesReceived{number, texts, err}
	}
}

func (m *Mode) showAlternative(msg alternativesReceived) {
	switch {
	case msg.number != m.number || m.ghost == "":
	case msg.err != nil:
		m.reportError(msg.err)
	case len(msg.texts) == 0:
		m.notify.Info("no other suggestion")
	default:
		m.ghost, m.alternatives = msg.texts[0], append(msg.texts[1:], m.ghost)
	}
}

// accept inserts a part of the suggestion. After the last part it requests the next
// suggestion.
func (m *Mode) accept(part string) tea.Cmd {
	rest := m.ghost[len(part):]
	m.clearSuggestion()
	m.text.Insert(part)
	m.warned = false
	if m.ghost = rest; rest != "" {
		return nil
	}
	return m.suggest(0)
}

// firstWord returns a text up to the end of its first word.
func firstWord(s string) string {
	e := kit.Editor{Text: s}
	return s[:e.WordRight(0)]
}

// firstLine returns a text up to the end of its first line that is not empty.
func firstLine(s string) string {
	start := len(s) - len(strings.TrimLeft(s, "\n"))
	if n := strings.IndexByte(s[start:], '\n'); n >= 0 {
		return s[:start+n]
	}
	return s
}
