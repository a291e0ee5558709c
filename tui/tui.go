package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/units"
)

const (
	// Below this size, in cells, there is only a sentence that asks for room.
	leastWidth, leastHeight = 30, 8
	// From this width on the tabs of all modes are shown.
	tabsWidth = 60
)

// A Model is the interface.
type Model struct {
	look     *Look
	tasks    *Tasks
	terminal *Terminal
	engines  *engines
	shelf    *shelf
	records  *records
	gallery  *gallery

	save    func(config.Interface) error // may be nil
	folder  string
	newMode func(name string) mode
	notice  Notice

	width, height int
	screens       []mode // by place in modes; nil until first shown
	current       int
	dialogs       []dialog // the last one is on top
	selection     selection
	greeted       bool // somebody without a model was shown what there is
}

// New makes the interface, which ends with ctx. Nothing is read or opened before
// [Model.Init]'s commands run.
func New(ctx context.Context, o Options) *Model {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	look, unknown := NewLook(o.Settings, modes)
	look.SetStyle(o.Style)
	m := &Model{
		look: look, tasks: NewTasks(ctx), engines: newEngines(ctx, o.Open, o.Loaded), records: newRecords(ctx, o.History), gallery: newGallery(ctx, o.Getenv),
		save: o.Save, folder: o.Folder,
		width: o.Width, height: o.Height, screens: make([]mode, len(modes)),
	}
	m.terminal = newTerminal(m.tasks, o.Getenv)
	m.shelf = newShelf(look, m.notify, m.tasks, m.engines, o.Library, o.Folder, o.Getenv("HOME"))
	m.newMode = func(name string) mode { return m.makeMode(name, o) }
	m.screens[0] = m.newMode(modes[0])
	m.sayUnknownKeys(unknown)
	if o.Problem != nil {
		m.say().Error(o.Problem)
	}
	m.resize(m.width, m.height)
	return m
}

// makeMode makes the screen of a mode.
func (m *Model) makeMode(name string, o Options) mode {
	talk := TalkOptions{
		Look: m.look, Notify: m.notify, Tasks: m.tasks, Terminal: m.terminal, Engines: m.engines, Records: m.records, Gallery: m.gallery,
		Folder: o.Folder, Model: o.Model, Sampling: o.Sampling, Commands: m.globals,
	}
	switch name {
	case "review":
		return newReview(m.look, m.notify, m.tasks, m.terminal, m.engines, o.Model, o.Changes)
	case "code":
		return newCode(m.look, m.notify, m.tasks, m.engines, o.Model, o.Folder, o.Getenv("HOME"))
	case "math":
		return newMath(talk)
	case "vision":
		return newVision(talk)
	}
	return newChat(talk)
}

func (m *Model) newConversationsDialog() dialog {
	return newConversationsDialog(m.look, m.notify, m.tasks, m.records, m.folder)
}

// notify shows a notice in place of the one before.
func (m *Model) notify(n Notice) { m.notice = n }

func (m *Model) say() Notify { return m.notify }

func (m *Model) sayUnknownKeys(names []string) {
	if len(names) > 0 {
		m.say().Say(fmt.Sprintf("config.toml: interface.keys has no key for %q", names[0]))
	}
}

// settingsSaved tells that changed settings were written, or why not.
type settingsSaved struct{ err error }

// change puts settings into effect and writes them.
func (m *Model) change(s config.Interface) tea.Cmd {
	m.sayUnknownKeys(m.look.Apply(s))
	save := m.save
	if save == nil {
		return nil
	}
	return func() tea.Msg { return settingsSaved{save(s)} }
}

// Init begins everything that takes time.
func (m *Model) Init() tea.Cmd {
	return tea.Batch(tea.RequestBackgroundColor, m.screens[m.current].shown(), m.shelf.begin())
}

// Close waits for what is going on, writes what is not written yet, and closes the
// engines. The context must have ended before.
func (m *Model) Close() error {
	m.tasks.Wait()                                                                   // answers, which the context has ended
	return errors.Join(m.records.close(), m.engines.ledger.close(), m.shelf.close()) // what they said, who said it, and what of it is to go
}

// Update takes what happened.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	if err := m.records.news(); err != nil {
		m.say().Error(err)
	}
	return m, tea.Batch(cmd, m.gallery.next())
}

func (m *Model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.BackgroundColorMsg:
		shade := light
		if msg.IsDark() {
			shade = dark
		}
		m.look.SetBackground(shade)
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.PasteMsg:
		return m.paste(msg.Content)
	case tea.MouseClickMsg:
		m.selection.begin(tea.Mouse(msg))
	case tea.MouseMotionMsg:
		m.selection.extend(tea.Mouse(msg))
	case tea.MouseReleaseMsg:
		return m.release(tea.Mouse(msg))
	case tea.MouseWheelMsg:
		m.selection = selection{}
		m.wheel(tea.Mouse(msg))
	default:
		return m.carryOut(msg)
	}
	return nil
}

// top is who has the keys: the uppermost dialog, or the current mode.
func (m *Model) top() screen {
	if n := len(m.dialogs); n > 0 {
		return m.dialogs[n-1]
	}
	return m.screens[m.current]
}

func (m *Model) push(d dialog) tea.Cmd {
	for _, open := range m.dialogs {
		if open.title() == d.title() {
			return nil
		}
	}
	m.dialogs = append(m.dialogs, d)
	m.resize(m.width, m.height)
	return d.begin()
}

func (m *Model) press(k tea.KeyPressMsg) tea.Cmd {
	m.selection = selection{}
	standing := m.notice
	if !standing.Stays || is(k, m.look.Keys.Back) {
		m.notice = Notice{}
	}
	if standing.Key != "" && k.String() == standing.Key {
		m.notice = Notice{}
		return standing.Do
	}
	o := m.top().press(k)
	if !o.handled {
		return m.act(k)
	}
	return m.settle(o)
}

func (m *Model) paste(text string) tea.Cmd {
	m.notice = Notice{}
	return m.settle(m.top().paste(text))
}

// settle does what the top screen answered.
func (m *Model) settle(o outcome) tea.Cmd {
	if n := len(m.dialogs); o.closes && n > 0 {
		m.dialogs = m.dialogs[:n-1]
	}
	cmds := []tea.Cmd{o.cmd}
	if o.tell != nil {
		cmds = append(cmds, m.update(o.tell))
	}
	if o.opens != nil {
		cmds = append(cmds, m.push(o.opens))
	}
	m.layOut()
	return tea.Batch(cmds...)
}

// act does what a key does wherever nobody else knows it.
func (m *Model) act(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case is(k, m.look.Keys.Quit):
		return m.quit()
	case is(k, m.look.Keys.Suspend):
		return tea.Suspend
	case is(k, m.look.Keys.Keys):
		return m.push(newKeysDialog(m.look, m.top().bindings()))
	case is(k, m.look.Keys.Commands):
		return m.push(newCommandsDialog(m.look, m.commands()))
	case is(k, m.look.Keys.Settings):
		return m.push(newSettingsDialog(m.look))
	case is(k, m.look.Keys.Conversations):
		return m.push(m.newConversationsDialog())
	case is(k, m.look.Keys.Models):
		return m.carryOut(modelsAsked{})
	case is(k, m.look.Keys.Context):
		return m.push(newContextDialog(m.look, m.screens[m.current].using()))
	case is(k, m.look.Keys.NewChat):
		return m.carryOut(newAsked{})
	case is(k, m.look.Keys.Source):
		m.look.ToggleSource()
	case is(k, m.look.Keys.NextMode):
		return m.show((m.current + 1) % len(modes))
	}
	for i, b := range m.look.Keys.Modes {
		if is(k, b) {
			return m.show(i)
		}
	}
	return nil
}

// quit ends the interface, unless a mode has something that would be lost: that
// one is shown, and says so once.
func (m *Model) quit() tea.Cmd {
	for i, s := range m.screens {
		if k, ok := s.(interface{ leave() bool }); ok && !k.leave() {
			return m.show(i)
		}
	}
	return tea.Quit
}

// show goes to a mode.
func (m *Model) show(i int) tea.Cmd {
	m.current = i
	m.dialogs = nil
	if m.screens[i] == nil {
		m.screens[i] = m.newMode(modes[i])
	}
	m.layOut()
	return m.screens[i].shown()
}

// commands are those of the current mode and those that work everywhere.
func (m *Model) commands() []command {
	return append(m.screens[m.current].commands(), m.globals()...)
}

// toConversation gives a message to the mode of a name, or to the chat if that one
// has no conversation, and shows it.
func (m *Model) toConversation(name string, msg tea.Msg) tea.Cmd {
	i := max(0, slices.Index(modes, name))
	if m.screens[i] == nil {
		m.screens[i] = m.newMode(modes[i])
	}
	if _, ok := m.screens[i].(interface{ theConversation() *conversation }); !ok {
		i = 0
	}
	cmds := []tea.Cmd{m.show(i), m.screens[i].update(msg)}
	m.layOut()
	return tea.Batch(cmds...)
}

// showNamed goes to the mode of a name.
func (m *Model) showNamed(name string) tea.Cmd {
	if i := slices.Index(modes, name); i >= 0 {
		return m.show(i)
	}
	return nil
}

// carryOut does what a message of the root's own says, and passes it on to
// everybody whom it may concern.
func (m *Model) carryOut(msg tea.Msg) tea.Cmd {
	cmds := []tea.Cmd{m.engines.update(msg), m.shelf.update(msg)}
	m.gallery.update(msg)
	switch msg := msg.(type) {
	case modelOpened:
		cmds = append(cmds, m.noModel(msg))
	case modelsAsked:
		cmds = append(cmds, m.push(newModelsDialog(m.shelf, false)))
	case downloadPlanned:
		cmds = append(cmds, m.toAgree(msg))
	case licenceAccepted:
		cmds = append(cmds, m.shelf.accept(msg.download))
	case downloadEnded:
		cmds = append(cmds, m.arrived(msg))
	case settingsSaved:
		if msg.err != nil {
			m.say().Error(msg.err)
		}
	case saveDone:
		if msg.err != nil {
			m.say().Error(msg.err)
		} else {
			m.say().Say("saved " + msg.path)
		}
	case conversationsImported:
		m.sayImported(msg)
	case saveChosen:
		cmds = append(cmds, func() tea.Msg { return saveFile(m.folder, msg.path, msg.text) })
	case helpAsked:
		cmds = append(cmds, m.push(newKeysDialog(m.look, m.screens[m.current].bindings())))
	case quitAsked:
		cmds = append(cmds, m.quit())
	case settingsAsked:
		cmds = append(cmds, m.push(newSettingsDialog(m.look)))
	case settingsChanged:
		cmds = append(cmds, m.change(msg.to))
	case modelChosen:
		m.dialogs = nil // it may have been chosen in one that lies on another
		cmds = append(cmds, m.screens[m.current].useModel(msg.ref))
	case contextChosen:
		_, cmd := m.engines.reopen(msg.ref, engine.LoadOptions{Context: msg.tokens})
		cmds = append(cmds, cmd)
	case contextAsked:
		cmds = append(cmds, m.push(newContextDialog(m.look, m.screens[m.current].using())))
	case modeChosen:
		cmds = append(cmds, m.showNamed(msg.name))
	case questionAsked:
		cmds = append(cmds, m.showNamed("chat"))
	case conversationChosen:
		cmds = append(cmds, readConversation(m.tasks, m.records, msg))
	case conversationRead:
		if msg.err != nil {
			m.say().Error(msg.err)
			return nil
		}
		return m.toConversation(msg.conversation.Mode, msg)
	case newAsked:
		return m.toConversation(modes[m.current], msg)
	}
	for _, s := range m.screens {
		if s != nil {
			cmds = append(cmds, s.update(msg))
		}
	}
	for _, d := range m.dialogs {
		cmds = append(cmds, d.update(msg))
	}
	m.layOut()
	return tea.Batch(cmds...)
}

func (m *Model) resize(width, height int) {
	m.width, m.height = width, height
	m.layOut()
}

// layOut tells the screens how much space they have.
func (m *Model) layOut() {
	width, height := max(m.width, leastWidth), max(m.height, leastHeight)
	height -= m.frameLines()
	m.screens[m.current].resize(width, height)
	for _, d := range m.dialogs {
		d.resize(width, height)
	}
}

// release ends a click or a drag. What was dragged over is copied.
func (m *Model) release(at tea.Mouse) tea.Cmd {
	if !m.selection.begun {
		return nil
	}
	if !m.selection.dragged() {
		m.selection = selection{}
		return m.click(at)
	}
	m.selection.begun = false
	lines, _ := m.draw()
	text := m.selection.text(lines)
	if text == "" {
		return nil
	}
	m.say().Say("copied " + units.Plural(lineCount(text), "line"))
	return m.terminal.Copy(text)
}

// click goes to a tab, to who is on top, or does what a hint says.
func (m *Model) click(at tea.Mouse) tea.Cmd {
	m.notice = Notice{}
	switch {
	case at.Y == 0:
		for _, tab := range m.tabs() {
			if at.X >= tab.left && at.X < tab.left+cells(tab.text) {
				return m.show(tab.mode)
			}
		}
	case at.Y <= m.height-m.frameLines():
		return m.settle(m.top().click(at.X, at.Y-1))
	case at.Y < m.height-1:
		return m.carryOut(modelsAsked{})
	default:
		if h, ok := m.hintAt(m.top().foot(), at.X); ok && len(h.Keys()) > 0 {
			return m.press(keyNamed(h.Keys()[0]))
		}
	}
	return nil
}

// wheelLines is how far a turn of the wheel goes.
const wheelLines = 3

func (m *Model) wheel(at tea.Mouse) {
	switch at.Button {
	case tea.MouseWheelUp:
		m.top().wheel(-wheelLines)
	case tea.MouseWheelDown:
		m.top().wheel(wheelLines)
	}
}

// View draws the frame.
func (m *Model) View() tea.View {
	var v tea.View
	v.AltScreen = true
	v.WindowTitle = "bise"
	v.BackgroundColor, v.ForegroundColor = m.look.Theme.background(), m.look.Theme.foreground()
	if m.look.Mouse() {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.width < leastWidth || m.height < leastHeight {
		v.SetContent(small(m.width, m.height))
		return v
	}
	lines, cursor := m.draw()
	m.selection.mark(lines)
	v.SetContent(strings.Join(lines, "\n"))
	if cursor != nil {
		cursor.Color = m.look.Theme.palette.accent[1]
	}
	v.Cursor = cursor
	return v
}

// draw draws the frame's lines, and says where in them the cursor is.
func (m *Model) draw() ([]string, *tea.Cursor) {
	top := m.top()
	body, cursor := top.view()
	lines := make([]string, 0, m.height)
	lines = append(lines, cut(m.head(), m.width))
	rows := m.height - m.frameLines()
	for i := range rows {
		line := ""
		if i < len(body) {
			line = body[i]
			if cells(line) > m.width {
				line = cut(line, m.width)
			}
		}
		lines = append(lines, line)
	}
	if m.downloadLine() != "" {
		lines = append(lines, m.drawDownloads())
	}
	switch {
	case cursor == nil:
	case cursor.Y >= rows:
		cursor = nil
	default:
		cursor.Y++
	}
	return append(lines, m.drawFoot(top.foot())), cursor
}

// small asks for room.
func small(width, height int) string {
	lines := wrapped("bise needs a larger window.", width)
	return strings.Join(lines[:min(max(0, height), len(lines))], "\n")
}

// A tab is a mode's name in the head.
type tab struct {
	mode, left int
	text       string
}

// tabs are those that the head shows.
func (m *Model) tabs() []tab {
	if m.width < tabsWidth {
		return []tab{{m.current, 7, modes[m.current]}}
	}
	var list []tab
	left := 8
	for i, mode := range modes {
		list = append(list, tab{i, left, mode})
		left += len(mode) + 2
	}
	return list
}

// head is the first line: who this is, what is on, and with which model.
func (m *Model) head() string {
	left, at := " "+m.look.Theme.brand, 5
	right := ""
	if n := len(m.dialogs); n > 0 {
		d := m.dialogs[n-1]
		left += "   " + m.look.Theme.bold.Render(d.title())
		right = d.note()
	} else {
		for _, tab := range m.tabs() {
			style := m.look.Theme.muted
			if tab.mode == m.current {
				style = m.look.Theme.selected.Underline(true)
			}
			left += strings.Repeat(" ", max(0, tab.left-at)) + style.Render(tab.text)
			at = tab.left + len(tab.text)
		}
		right = m.screens[m.current].subject()
	}
	return spread(left, right, m.width-1)
}

// drawFoot is the last line.
func (m *Model) drawFoot(f foot) string {
	width := m.width - 2
	if m.notice.Text != "" {
		key := ""
		if m.notice.Key != "" {
			key = " · " + m.notice.Key + " " + m.notice.Word
		}
		return " " + cut(cut(m.notice.Text, width-cells(key))+key, width)
	}
	if f.left == "" {
		return " " + m.look.Theme.muted.Render(joined(f.hints, width))
	}
	return " " + spread(f.left, m.look.Theme.muted.Render(joined(f.hints, m.hintsWidth(f))), width)
}

// hintsWidth is how much of the foot its hints may take.
func (m *Model) hintsWidth(f foot) int {
	width := m.width - 2
	if f.left == "" {
		return width
	}
	return max(width-cells(f.left)-3, min(width/3, 10))
}

// hintAt is the hint that stands at a column of the foot.
func (m *Model) hintAt(f foot, x int) (hint, bool) {
	list := fitting(f.hints, m.hintsWidth(f))
	from := 1
	if f.left != "" {
		from = m.width - 1 - cells(joined(list, m.width))
	}
	for _, h := range list {
		to := from + cells(h.String())
		if x >= from && x < to {
			return h, true
		}
		from = to + cells(betweenHints)
	}
	return hint{}, false
}
