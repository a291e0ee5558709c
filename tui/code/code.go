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

// Mode is the mode in which a person writes a file and a model goes on: what it
// would write stands after the cursor until it is taken or something else is typed.
type Mode struct {
	look    *kit.Look
	notify  kit.Notify
	tasks   *kit.Tasks
	engines *engines.Engines
	folder  string
	home    string

	list          kit.List // of files, to open one
	width, height int
	ref           string
	model         *engines.Model
	session       *infill.Session // of the model; nil until it is there
	keys          codeKeys

	paths   []string // of the folder; nil until they are read
	more    bool     // there are more than were read
	found   []string // that the filter matches
	picking bool     // the list is shown

	file    *sourceFile // nil: none is open
	text    kit.Editor
	left    int  // the first column that is shown
	warned  bool // that there are changes which leaving would lose
	over    bool // that saving would write over what something else has written
	colours coloured

	number  int // of the last suggestion that was asked for
	stop    context.CancelFunc
	ghost   string            // what is suggested at the cursor
	others  []string          // texts that can be suggested in its place; nil: not asked for
	Current infill.Completion // that ghost is, or was last
	trouble string            // the last error that the person saw
}

// codeKeys are the keys that are this mode's own.
type codeKeys struct {
	all, word, line, another, no, save, open key.Binding
}

// maxFiles is how many files are looked for, and maxListed how many the list shows.
const (
	maxFiles  = 50_000
	maxListed = 100
)

// calm is how long nothing must be typed for something to be suggested.
const calm = 60 * time.Millisecond

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
	othersCame struct {
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
		all: kit.NewBinding("tab", "all"), word: kit.NewBinding("ctrl+right", "word"), line: kit.NewBinding("ctrl+down", "line"), another: kit.NewBinding("alt+]", "another"),
		no: kit.NewBinding("esc", "no"), save: kit.NewBinding("ctrl+s", "save"), open: kit.NewBinding("alt+o", "open a file"),
	}
	m.find()
	return m
}

func (m *Mode) Using() *engines.Model { return m.model }

func (m *Mode) UseModel(ref string) tea.Cmd {
	m.ref = ref
	var cmd tea.Cmd
	m.model, cmd = m.engines.Use(ref)
	m.quiet()
	m.session = nil
	m.begin()
	return cmd
}

func (m *Mode) Shown() tea.Cmd {
	var cmds []tea.Cmd
	if m.model == nil {
		cmds = append(cmds, m.UseModel(m.ref))
	}
	if m.picking {
		cmds = append(cmds, m.listFiles())
	}
	return tea.Batch(cmds...)
}

// begin makes a session once the model is there.
func (m *Mode) begin() {
	if m.session != nil || m.model == nil || m.model.State != engines.Ready {
		return
	}
	o := infill.Options{PromptTime: 2 * time.Second, Time: 3 * time.Second}
	if m.model.Info.Path != "" {
		// On this machine. A server elsewhere is asked for nothing ahead.
		o.Idle, o.Speculate = time.Second, true
	}
	session, ctx := infill.New(m.tasks.Context(), m.model.Engine, o), m.tasks.Context()
	m.session, m.trouble = session, ""
	m.tasks.Go(func() { // until the interface ends, whose engines outlive it
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

// Subject is the file, with a dot when it has changes, and the model.
func (m *Mode) Subject() string {
	name := ""
	if m.model != nil {
		name = m.model.Name()
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

// listFiles is the command that lists the files of the folder.
func (m *Mode) listFiles() tea.Cmd {
	ctx, dir := m.tasks.Context(), m.folder
	return func() tea.Msg {
		paths, more, _ := attach.FilesIn(ctx, dir, maxFiles) // what cannot be read is not offered
		return folderRead{paths, more}
	}
}

// pick shows the list of files.
func (m *Mode) pick() tea.Cmd {
	m.quiet()
	m.picking = true
	m.list.Filter.Reset()
	m.find()
	return m.listFiles()
}

// find shows the files that the filter matches.
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
	m.list.Intro = []string{"Which file?"}
	switch {
	case m.paths == nil:
		m.list.Empty = []string{"looking for files"}
	case len(m.paths) == 0:
		m.list.Empty = []string{"There is no file here. /open PATH opens one elsewhere."}
	default:
		m.list.Empty = []string{"No file has that name."}
	}
	m.list.SetRows(rows)
}

// openFile opens a file, named from the folder.
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
	case engines.ModelReady:
		m.begin()
	case folderRead:
		m.paths, m.more = msg.paths, msg.more
		if m.paths == nil {
			m.paths = []string{}
		}
		m.find()
	case fileOpened:
		m.opened(msg)
	case fileSaved:
		m.written(msg)
	case suggested:
		m.take(msg)
	case othersCame:
		m.takeOthers(msg)
	}
	return nil
}

// opened takes a file that was read.
func (m *Mode) opened(msg fileOpened) {
	if msg.err != nil {
		m.notify.Error(msg.err)
		return
	}
	if m.modified() && !m.warned {
		m.warned = true
		m.notify.Say(kit.OneLine(m.file.name) + " has changes; open the other file again to lose them")
		return
	}
	if m.session != nil && m.file != nil {
		m.session.Visit(m.place())
	}
	m.quiet()
	m.file, m.picking, m.left, m.warned, m.over = msg.file, false, 0, false, false
	m.Current = infill.Completion{}
	m.text = kit.Editor{Width: unwrapped}
	m.text.SetText(msg.file.saved)
	m.text.ClearUndo()
	m.text.MoveTo(0)
}

// unwrapped is a width in which no line is broken.
const unwrapped = 1 << 30

// place is where the person is.
func (m *Mode) place() infill.Place {
	return infill.Place{File: m.file.name, Text: m.text.Text, At: m.text.Cursor}
}

// save writes the file.
func (m *Mode) save() tea.Cmd {
	switch {
	case m.file == nil:
		m.notify.Say("no file is open")
		return nil
	case !m.modified():
		m.notify.Say(kit.OneLine(m.file.name) + " has no changes")
		return nil
	}
	file, text, over := m.file, m.text.Text, m.over
	return func() tea.Msg { return fileSaved{file, text, file.write(text, over)} }
}

func (m *Mode) written(msg fileSaved) {
	switch {
	case msg.err != nil:
		m.over = errors.Is(msg.err, errChanged)
		m.notify.Error(msg.err)
	default:
		msg.file.saved, m.warned, m.over = msg.text, false, false
		m.notify.Say("saved " + kit.OneLine(msg.file.name))
	}
}

// CanLeave reports whether the interface can end without a loss, and says once what
// would be lost.
func (m *Mode) CanLeave() bool {
	if !m.modified() || m.warned {
		return true
	}
	m.warned = true
	m.notify.Say(fmt.Sprintf("%s has changes: %s saves them, %s again loses them", kit.OneLine(m.file.name), m.keys.save.Help().Key, m.look.Keys.Quit.Help().Key))
	return false
}

// quiet takes the suggestion away, and awaits no other.
func (m *Mode) quiet() {
	m.stop()
	m.number++
	m.ghost, m.others = "", nil
}

// typed follows a change of the text: a suggestion that is typed along stays, and
// another is asked for.
func (m *Mode) typed(before string, at int) tea.Cmd {
	m.warned = false
	ghost := m.ghost
	m.quiet()
	if put, ok := insertion(before, at, m.text.Text, m.text.Cursor); ok {
		if rest, along := strings.CutPrefix(ghost, put); along {
			m.ghost = rest
		}
	}
	return m.suggest(calm)
}

// insertion is the text that was put in at a place, if that is all that happened.
func insertion(before string, at int, after string, now int) (string, bool) {
	n := len(after) - len(before)
	if n <= 0 || now != at+n || after[:at] != before[:at] || after[now:] != before[at:] {
		return "", false
	}
	return after[at:now], true
}

// suggest asks what comes at the cursor, once nothing was typed for a while.
func (m *Mode) suggest(after time.Duration) tea.Cmd {
	if m.session == nil || m.file == nil {
		return nil
	}
	ctx, stop := context.WithCancel(m.tasks.Context())
	m.stop = stop
	session, place, number := m.session, m.place(), m.number
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

// take takes a suggestion.
func (m *Mode) take(msg suggested) {
	if msg.number != m.number {
		return
	}
	if msg.err != nil {
		m.ghost = ""
		m.complain(msg.err)
		return
	}
	m.trouble = ""
	m.ghost, m.Current = msg.what.Text, msg.what
}

// complain says an error, once: it would come again with every key.
func (m *Mode) complain(err error) {
	if err.Error() != m.trouble {
		m.trouble = err.Error()
		m.notify.Error(err)
	}
}

// another suggests another text.
func (m *Mode) another() tea.Cmd {
	switch {
	case m.ghost == "":
		m.quiet()
		return m.suggest(0)
	case len(m.others) > 0:
		m.ghost, m.others = m.others[0], append(m.others[1:], m.ghost)
		return nil
	}
	ctx, stop := context.WithCancel(m.tasks.Context())
	m.stop()
	m.stop = stop
	session, place, number := m.session, m.place(), m.number
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
		return othersCame{number, texts, err}
	}
}

func (m *Mode) takeOthers(msg othersCame) {
	switch {
	case msg.number != m.number || m.ghost == "":
	case msg.err != nil:
		m.complain(msg.err)
	case len(msg.texts) == 0:
		m.notify.Say("the model has nothing else to say here")
	default:
		m.ghost, m.others = msg.texts[0], append(msg.texts[1:], m.ghost)
	}
}

// accept puts a part of the suggestion in. The rest stays suggested, and what
// comes after all of it is asked for.
func (m *Mode) accept(part string) tea.Cmd {
	rest := m.ghost[len(part):]
	m.quiet()
	m.text.Insert(part)
	m.warned = false
	if m.ghost = rest; rest != "" {
		return nil
	}
	return m.suggest(0)
}

// firstWord is the beginning of a text up to the end of its first word.
func firstWord(s string) string {
	e := kit.Editor{Text: s}
	return s[:e.WordRight(0)]
}

// firstLine is the beginning of a text up to the end of its first line that says
// something.
func firstLine(s string) string {
	start := len(s) - len(strings.TrimLeft(s, "\n"))
	if n := strings.IndexByte(s[start:], '\n'); n >= 0 {
		return s[:start+n]
	}
	return s
}
