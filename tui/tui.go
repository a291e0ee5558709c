package tui

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/tui/code"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/models"
	"github.com/bise-sh/bise/tui/review"
	"github.com/bise-sh/bise/tui/talk"
	"github.com/bise-sh/bise/tui/terminal"
	"github.com/bise-sh/bise/units"
)

const (
	// Below this size, in cells, there is only a sentence that asks for room.
	leastWidth, leastHeight = 30, 8
)

// A Model is the interface.
type Model struct {
	look     *kit.Look
	tasks    *kit.Tasks
	terminal *terminal.Terminal
	engines  *engines.Engines
	shelf    *models.Service
	records  *talk.HistoryWriter
	gallery  *talk.ImageCache

	save    func(config.Interface) error // may be nil
	folder  string
	newMode func(name string) mode
	notice  kit.Notice

	width, height int
	screens       []mode // by place in modes; nil until first shown
	current       int
	dialogs       []kit.Dialog // the last one is on top
	selection     kit.Selection
	greeted       bool // somebody without a model was shown what there is
}

// New makes the interface, which ends with ctx. Nothing is read or opened before
// [Model.Init]'s commands run.
func New(ctx context.Context, o Options) *Model {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	look, unknown := kit.NewLook(o.Settings, modes)
	look.SetStyle(o.Style)
	m := &Model{
		look: look, tasks: kit.NewTasks(ctx), engines: engines.New(ctx, o.Open, o.Loaded), records: talk.NewHistoryWriter(ctx, o.History), gallery: talk.NewImageCache(ctx, o.Getenv),
		save: o.Save, folder: o.Folder,
		width: o.Width, height: o.Height, screens: make([]mode, len(modes)),
	}
	m.terminal = terminal.New(m.tasks, o.Getenv)
	m.shelf = models.New(look, m.notify, m.tasks, m.engines, o.Models, o.Downloads, o.Endpoints, o.Folder, o.Getenv("HOME"))
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
	talking := talk.Options{
		Look: m.look, Notify: m.notify, Tasks: m.tasks, Terminal: m.terminal, Engines: m.engines, History: m.records, Images: m.gallery,
		Folder: o.Folder, Model: o.Model, Sampling: o.Sampling, Commands: m.globals,
	}
	switch name {
	case "review":
		return review.New(m.look, m.notify, m.tasks, m.terminal, m.engines, o.Model, o.Changes)
	case "code":
		return code.New(m.look, m.notify, m.tasks, m.engines, o.Model, o.Folder, o.Getenv("HOME"))
	case "math":
		return talk.NewMath(talking)
	case "vision":
		return talk.NewVision(talking)
	}
	return talk.NewChat(talking)
}

func (m *Model) newConversationsDialog() kit.Dialog {
	return talk.NewHistoryDialog(m.look, m.notify, m.tasks, m.records, m.folder)
}

// notify shows a notice in place of the one before.
func (m *Model) notify(n kit.Notice) { m.notice = n }

func (m *Model) say() kit.Notify { return m.notify }

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
	return tea.Batch(tea.RequestBackgroundColor, m.screens[m.current].Shown(), m.shelf.Start())
}

// Close waits for what is going on, writes what is not written yet, and closes the
// engines. The context must have ended before.
func (m *Model) Close() error {
	m.tasks.Wait()                                                            // answers, which the context has ended
	return errors.Join(m.records.Close(), m.engines.Close(), m.shelf.Close()) // what they said, who said it, and what of it is to go
}

// Update takes what happened.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.update(msg)
	if err := m.records.Problem(); err != nil {
		m.say().Error(err)
	}
	return m, tea.Batch(cmd, m.gallery.Next())
}

func (m *Model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.BackgroundColorMsg:
		shade := kit.Light
		if msg.IsDark() {
			shade = kit.Dark
		}
		m.look.SetBackground(shade)
	case tea.KeyPressMsg:
		return m.Press(msg)
	case tea.PasteMsg:
		return m.paste(msg.Content)
	case tea.MouseClickMsg:
		m.selection.Begin(tea.Mouse(msg))
	case tea.MouseMotionMsg:
		m.selection.Extend(tea.Mouse(msg))
	case tea.MouseReleaseMsg:
		return m.release(tea.Mouse(msg))
	case tea.MouseWheelMsg:
		m.selection = kit.Selection{}
		m.wheel(tea.Mouse(msg))
	default:
		return m.carryOut(msg)
	}
	return nil
}

// Start is the command with which the current mode begins.
func (m *Model) Start() tea.Cmd { return m.screens[m.current].Shown() }

// Look is the look of the screens.
func (m *Model) Look() *kit.Look { return m.look }

// UseTerminal sets how programs are run and the clipboard is set.
func (m *Model) UseTerminal(exec func(*exec.Cmd, func(error) tea.Msg) tea.Cmd, setClipboard func(string) tea.Cmd) {
	m.terminal.Exec, m.terminal.SetClipboard = exec, setClipboard
}

// Mode is the screen of the current mode.
func (m *Model) Mode() kit.Screen { return m.screens[m.current] }

// Dialog is the uppermost dialog, nil when none is open.
func (m *Model) Dialog() kit.Dialog {
	if n := len(m.dialogs); n > 0 {
		return m.dialogs[n-1]
	}
	return nil
}

// Notice is the notice in the footer. Its text is empty when there is none.
func (m *Model) Notice() kit.Notice { return m.notice }

// top is who has the keys: the uppermost dialog, or the current mode.
func (m *Model) top() kit.Screen {
	if n := len(m.dialogs); n > 0 {
		return m.dialogs[n-1]
	}
	return m.screens[m.current]
}

func (m *Model) push(d kit.Dialog) tea.Cmd {
	for _, open := range m.dialogs {
		if open.Title() == d.Title() {
			return nil
		}
	}
	m.dialogs = append(m.dialogs, d)
	m.resize(m.width, m.height)
	return d.Init()
}

// Press handles a key.
func (m *Model) Press(k tea.KeyPressMsg) tea.Cmd {
	m.selection = kit.Selection{}
	standing := m.notice
	if !standing.Stays || kit.Matches(k, m.look.Keys.Back) {
		m.notice = kit.Notice{}
	}
	if standing.Key != "" && k.String() == standing.Key {
		m.notice = kit.Notice{}
		return standing.Do
	}
	o := m.top().Press(k)
	if !o.Handled {
		return m.act(k)
	}
	return m.Settle(o)
}

func (m *Model) paste(text string) tea.Cmd {
	m.notice = kit.Notice{}
	return m.Settle(m.top().Paste(text))
}

// Settle does what the top screen made of a key or a line.
func (m *Model) Settle(o kit.Outcome) tea.Cmd {
	if n := len(m.dialogs); o.Closes && n > 0 {
		m.dialogs = m.dialogs[:n-1]
	}
	cmds := []tea.Cmd{o.Cmd}
	if o.Msg != nil {
		cmds = append(cmds, m.update(o.Msg))
	}
	if o.Opens != nil {
		cmds = append(cmds, m.push(o.Opens))
	}
	m.layOut()
	return tea.Batch(cmds...)
}

// act does what a key does wherever nobody else knows it.
func (m *Model) act(k tea.KeyPressMsg) tea.Cmd {
	switch {
	case kit.Matches(k, m.look.Keys.Quit):
		return m.quit()
	case kit.Matches(k, m.look.Keys.Suspend):
		return tea.Suspend
	case kit.Matches(k, m.look.Keys.Keys):
		return m.push(newKeysDialog(m.look, m.top().Bindings()))
	case kit.Matches(k, m.look.Keys.Commands):
		return m.push(newCommandsDialog(m.look, m.Commands()))
	case kit.Matches(k, m.look.Keys.Settings):
		return m.push(newSettingsDialog(m.look))
	case kit.Matches(k, m.look.Keys.Conversations):
		return m.push(m.newConversationsDialog())
	case kit.Matches(k, m.look.Keys.Models):
		return m.carryOut(talk.ModelsRequested{})
	case kit.Matches(k, m.look.Keys.Context):
		return m.push(models.NewContextDialog(m.look, m.screens[m.current].Using()))
	case kit.Matches(k, m.look.Keys.NewChat):
		return m.carryOut(talk.NewRequested{})
	case kit.Matches(k, m.look.Keys.Source):
		m.look.ToggleSource()
	case kit.Matches(k, m.look.Keys.NextMode):
		return m.show((m.current + 1) % len(modes))
	}
	for i, b := range m.look.Keys.Modes {
		if kit.Matches(k, b) {
			return m.show(i)
		}
	}
	return nil
}

// quit ends the interface, unless a mode has something that would be lost: that
// one is shown, and says so once.
func (m *Model) quit() tea.Cmd {
	for i, s := range m.screens {
		if k, ok := s.(kit.Leaver); ok && !k.CanLeave() {
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
	return m.screens[i].Shown()
}

// Commands are those of the current mode and those that work everywhere.
func (m *Model) Commands() []kit.Command {
	return append(m.screens[m.current].Commands(), m.globals()...)
}

// toConversation gives a message to the mode of a name, or to the chat if that one
// has no conversation, and shows it.
func (m *Model) toConversation(name string, msg tea.Msg) tea.Cmd {
	i := max(0, slices.Index(modes, name))
	if m.screens[i] == nil {
		m.screens[i] = m.newMode(modes[i])
	}
	if _, ok := m.screens[i].(kit.Narrator); !ok {
		i = 0
	}
	cmds := []tea.Cmd{m.show(i), m.screens[i].Update(msg)}
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
	cmds := []tea.Cmd{m.engines.Update(msg), m.shelf.Update(msg)}
	m.gallery.Update(msg)
	switch msg := msg.(type) {
	case engines.ModelOpened:
		cmds = append(cmds, m.noModel(msg))
	case talk.ModelsRequested:
		cmds = append(cmds, m.push(models.NewDialog(m.shelf, false)))
	case models.DownloadPlanned:
		cmds = append(cmds, m.askLicence(msg))
	case models.DownloadEnded:
		cmds = append(cmds, m.installed(msg))
	case settingsSaved:
		if msg.err != nil {
			m.say().Error(msg.err)
		}
	case talk.FileSaved:
		if msg.Err != nil {
			m.say().Error(msg.Err)
		} else {
			m.say().Say("saved " + msg.Path)
		}
	case talk.Imported:
		m.sayImported(msg)
	case talk.FileNamed:
		cmds = append(cmds, func() tea.Msg { return talk.SaveFile(m.folder, msg.Path, msg.Text) })
	case helpAsked:
		cmds = append(cmds, m.push(newKeysDialog(m.look, m.screens[m.current].Bindings())))
	case quitAsked:
		cmds = append(cmds, m.quit())
	case settingsAsked:
		cmds = append(cmds, m.push(newSettingsDialog(m.look)))
	case settingsChanged:
		cmds = append(cmds, m.change(msg.to))
	case models.Chosen:
		m.dialogs = nil // it may have been chosen in one that lies on another
		cmds = append(cmds, m.screens[m.current].UseModel(msg.Ref))
	case models.ContextChosen:
		_, cmd := m.engines.Reopen(msg.Ref, engine.LoadOptions{Context: msg.Tokens})
		cmds = append(cmds, cmd)
	case talk.ContextRequested:
		cmds = append(cmds, m.push(models.NewContextDialog(m.look, m.screens[m.current].Using())))
	case modeChosen:
		cmds = append(cmds, m.showNamed(msg.name))
	case review.QuestionAsked:
		return m.toConversation("chat", talk.QuestionBegun{Text: msg.Text})
	case talk.ConversationChosen:
		cmds = append(cmds, talk.ReadConversation(m.tasks, m.records, msg))
	case talk.ConversationRead:
		if msg.Err != nil {
			m.say().Error(msg.Err)
			return nil
		}
		return m.toConversation(msg.Conversation.Mode, msg)
	case talk.NewRequested:
		return m.toConversation(modes[m.current], msg)
	}
	for _, s := range m.screens {
		if s != nil {
			cmds = append(cmds, s.Update(msg))
		}
	}
	for _, d := range m.dialogs {
		cmds = append(cmds, d.Update(msg))
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
	m.screens[m.current].Resize(width, height)
	for _, d := range m.dialogs {
		d.Resize(width, height)
	}
}

// release ends a click or a drag. What was dragged over is copied.
func (m *Model) release(at tea.Mouse) tea.Cmd {
	if !m.selection.Begun {
		return nil
	}
	if !m.selection.Dragged() {
		m.selection = kit.Selection{}
		return m.click(at)
	}
	m.selection.Begun = false
	lines, _ := m.draw()
	text := m.selection.Text(lines)
	if text == "" {
		return nil
	}
	m.say().Say("copied " + units.Plural(kit.LineCount(text), "line"))
	return m.terminal.Copy(text)
}

// click goes to a tab, to who is on top, or does what a hint says.
func (m *Model) click(at tea.Mouse) tea.Cmd {
	m.notice = kit.Notice{}
	switch {
	case at.Y == 0:
		for _, tab := range m.tabs() {
			if at.X >= tab.left && at.X < tab.left+kit.Width(tab.text) {
				return m.show(tab.mode)
			}
		}
	case at.Y <= m.height-m.frameLines():
		return m.Settle(m.top().Click(at.X, at.Y-1))
	case at.Y < m.height-1:
		return m.carryOut(talk.ModelsRequested{})
	default:
		if h, ok := m.hintAt(m.top().Footer(), at.X); ok && len(h.Keys()) > 0 {
			return m.Press(kit.KeyPress(h.Keys()[0]))
		}
	}
	return nil
}

// wheelLines is how far a turn of the wheel goes.
const wheelLines = 3

func (m *Model) wheel(at tea.Mouse) {
	switch at.Button {
	case tea.MouseWheelUp:
		m.top().Scroll(-wheelLines)
	case tea.MouseWheelDown:
		m.top().Scroll(wheelLines)
	}
}

// View draws the frame.
func (m *Model) View() tea.View {
	var v tea.View
	v.AltScreen = true
	v.WindowTitle = "bise"
	v.BackgroundColor, v.ForegroundColor = m.look.Theme.Background(), m.look.Theme.Foreground()
	if m.look.Mouse() {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.width < leastWidth || m.height < leastHeight {
		v.SetContent(small(m.width, m.height))
		return v
	}
	lines, cursor := m.draw()
	m.selection.Mark(lines)
	v.SetContent(strings.Join(lines, "\n"))
	if cursor != nil {
		cursor.Color = m.look.Theme.Cursor()
	}
	v.Cursor = cursor
	return v
}

// draw draws the frame's lines, and says where in them the cursor is.
func (m *Model) draw() ([]string, *tea.Cursor) {
	top := m.top()
	body, cursor := top.View()
	lines := make([]string, 0, m.height)
	lines = append(lines, kit.Truncate(m.head(), m.width))
	rows := m.height - m.frameLines()
	for i := range rows {
		line := ""
		if i < len(body) {
			line = body[i]
			if kit.Width(line) > m.width {
				line = kit.Truncate(line, m.width)
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
	return append(lines, m.drawFoot(top.Footer())), cursor
}

// small asks for room.
func small(width, height int) string {
	lines := kit.Wrap("bise needs a larger window.", width)
	return strings.Join(lines[:min(max(0, height), len(lines))], "\n")
}

// A tab is a mode's name in the head.
type tab struct {
	mode, left int
	text       string
}

// tabs are those that the head shows.
func (m *Model) tabs() []tab {
	if m.width < kit.WideColumns {
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
	left, at := " "+m.look.Theme.Brand, 5
	right := ""
	if n := len(m.dialogs); n > 0 {
		d := m.dialogs[n-1]
		left += "   " + m.look.Theme.Bold.Render(d.Title())
		right = d.Note()
	} else {
		for _, tab := range m.tabs() {
			style := m.look.Theme.Muted
			if tab.mode == m.current {
				style = m.look.Theme.Selected.Underline(true)
			}
			left += strings.Repeat(" ", max(0, tab.left-at)) + style.Render(tab.text)
			at = tab.left + len(tab.text)
		}
		right = m.screens[m.current].Subject()
	}
	return kit.Spread(left, right, m.width-1)
}

// drawFoot is the last line.
func (m *Model) drawFoot(f kit.Footer) string {
	width := m.width - 2
	if m.notice.Text != "" {
		key := ""
		if m.notice.Key != "" {
			key = " · " + m.notice.Key + " " + m.notice.Word
		}
		return " " + kit.Truncate(kit.Truncate(m.notice.Text, width-kit.Width(key))+key, width)
	}
	if f.Left == "" {
		return " " + m.look.Theme.Muted.Render(kit.JoinHints(f.Hints, width))
	}
	return " " + kit.Spread(f.Left, m.look.Theme.Muted.Render(kit.JoinHints(f.Hints, m.hintsWidth(f))), width)
}

// hintsWidth is how much of the foot its hints may take.
func (m *Model) hintsWidth(f kit.Footer) int {
	width := m.width - 2
	if f.Left == "" {
		return width
	}
	return max(width-kit.Width(f.Left)-3, min(width/3, 10))
}

// hintAt is the hint that stands at a column of the foot.
func (m *Model) hintAt(f kit.Footer, x int) (kit.Hint, bool) {
	list := kit.FitHints(f.Hints, m.hintsWidth(f))
	from := 1
	if f.Left != "" {
		from = m.width - 1 - kit.Width(kit.JoinHints(list, m.width))
	}
	for _, h := range list {
		to := from + kit.Width(h.String())
		if x >= from && x < to {
			return h, true
		}
		from = to + kit.Width(kit.HintSeparator)
	}
	return kit.Hint{}, false
}
