package tui

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui/code"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/images"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/models"
	"github.com/bise-sh/bise/tui/past"
	"github.com/bise-sh/bise/tui/review"
	"github.com/bise-sh/bise/tui/talk"
	"github.com/bise-sh/bise/tui/terminal"
	"github.com/bise-sh/bise/units"
)

const (
	// Minimum size in cells. Below it, the interface only asks for a larger window.
	minWidth, minHeight = 30, 8
)

// A Model is the interface.
type Model struct {
	look     *kit.Look
	tasks    *kit.Tasks
	terminal *terminal.Terminal
	engines  *engines.Engines
	models   *models.Service
	history  *past.Writer
	images   *images.Cache

	save    func(config.Interface) error // may be nil
	folder  string
	newMode func(name string) mode
	notice  kit.Notice
	notices []string   // the texts of the last ones
	notify  kit.Notify // shows a notice in place of the one before

	width, height int
	screens       []mode // in the order of modes; nil until first
	current       int
	dialogs       []kit.Dialog // the last is on top
	selection     kit.Selection
	bell          bell
	opening       tea.Cmd // what the options ask to open; nil: nothing
	firstRunShown bool    // showFirstRun has opened the list of models
}

// New returns the interface, which ends with ctx. It reads and opens nothing before the
// commands of [Model.Init] run.
func New(ctx context.Context, o Options) *Model {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	var endpoints func() map[string]config.Endpoint
	if o.Endpoints != nil {
		endpoints = o.Endpoints.Endpoints
	}
	look, _ := kit.NewLook(o.Settings, modes)
	look.SetStyle(o.Style)
	m := &Model{
		look: look, tasks: kit.NewTasks(ctx), engines: engines.New(ctx, o.Open, o.Loaded, o.Choose, endpoints), history: past.NewWriter(ctx, o.History), images: images.New(ctx, o.Getenv),
		save: o.Save, folder: o.Folder,
		width: o.Width, height: o.Height, screens: make([]mode, len(modes)),
	}
	m.notify = m.take
	m.terminal = terminal.New(m.tasks, o.Getenv)
	m.models = models.New(look, m.notify, m.tasks, m.engines, o.Models, o.Downloads, o.Endpoints, o.Folder, o.Getenv("HOME"))
	m.newMode = func(name string) mode { return m.makeMode(name, o) }
	m.screens[0] = m.newMode(modes[0])
	m.opening = m.open(o)
	m.showProblems(o.Problems)
	if o.Problem != nil {
		m.notify.Error(o.Problem)
	}
	m.resize(m.width, m.height)
	return m
}

// makeMode returns the screen of a mode.
func (m *Model) makeMode(name string, o Options) mode {
	options := talk.Options{
		Look: m.look, Notify: m.notify, Tasks: m.tasks, Terminal: m.terminal, Engines: m.engines, History: m.history, Images: m.images,
		Folder: o.Folder, Model: o.Model, Sampling: o.Sampling, Effort: o.Effort, System: o.System, Commands: m.globals,
	}
	switch name {
	case "review":
		return review.New(m.look, m.notify, m.tasks, m.terminal, m.engines, o.Model, o.Changes)
	case "code":
		return code.New(m.look, m.notify, m.tasks, m.engines, o.Model, o.Folder, o.Getenv("HOME"))
	case "math":
		options.System = "" // it is written for conversations, not for solutions
		return talk.NewMath(options)
	case "vision":
		return talk.NewVision(options)
	}
	return talk.NewChat(options)
}

func (m *Model) newConversationsDialog() kit.Dialog {
	return past.NewDialog(m.look, m.notify, m.tasks, m.history, m.folder)
}

// CheckKeys returns what is wrong with the keys in settings.
func CheckKeys(s config.Interface) []config.Problem {
	_, problems := kit.NewKeymap(s.Keys, modes)
	return problems
}

// showProblems shows problems of config.toml: all in the list of messages, the first in the
// frame.
func (m *Model) showProblems(problems []config.Problem) {
	for _, p := range slices.Backward(problems) {
		p.Path = filepath.Base(p.Path)
		m.notify.Warn(p.String())
	}
	if n := len(problems); n > 1 {
		m.notice.Text += fmt.Sprintf(" (/messages lists all %d problems)", n)
	}
}

// settingsSaved is the result of saving the settings.
type settingsSaved struct{ err error }

// change applies and saves settings.
func (m *Model) change(s config.Interface) tea.Cmd {
	m.look.Apply(s)
	save := m.save
	if save == nil {
		return nil
	}
	return func() tea.Msg { return settingsSaved{save(s)} }
}

// Init starts everything that takes time.
func (m *Model) Init() tea.Cmd {
	return tea.Batch(tea.RequestBackgroundColor, m.models.Start(), m.Start())
}

// Close waits for background work, saves what is not saved yet, and closes the engines. The
// context must have ended before.
func (m *Model) Close() error {
	m.tasks.Wait()                                                             // the context has ended answers
	return errors.Join(m.history.Close(), m.engines.Close(), m.models.Close()) // in this order: messages, engines, deleted files
}

// Update handles a message.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	lines := m.frameLines()
	cmd := m.update(msg)
	if err := m.history.Problem(); err != nil {
		m.notify.Error(err)
	}
	if m.frameLines() != lines {
		m.layOut()
	}
	return m, tea.Batch(cmd, m.images.Next(), m.bell.note(msg, m.screens, m.look.Settings.Bell, time.Now()))
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
	case tea.ColorProfileMsg:
		m.look.SetColours(msg.Profile > colorprofile.ASCII)
		return m.handle(msg) // images depend on it, too
	case tea.KeyPressMsg:
		if !m.dismiss(msg) {
			return m.Press(msg)
		}
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
		return m.handle(msg)
	}
	return nil
}

// Start is the first command of the current mode, and opens what the options ask for.
func (m *Model) Start() tea.Cmd { return tea.Batch(m.screens[m.current].Shown(), m.opening) }

// opened has what the options ask to open.
type opened struct {
	last     past.Opened
	attached talk.QuestionBegun
}

// open attaches what the options ask to attach. It returns the command that reads the
// conversation to open, before that is attached; nil: none.
func (m *Model) open(o Options) tea.Cmd {
	msg := opened{attached: talk.QuestionBegun{Attached: o.Attached}}
	if !o.Continue {
		return m.screens[m.current].Update(msg.attached)
	}
	read := past.OpenLast(m.tasks, m.history)
	return func() tea.Msg {
		msg.last = read().(past.Opened)
		if o.ModelNamed {
			msg.last.Conversation.Model = "" // the conversation continues with the named one
		}
		return msg
	}
}

// Look returns the look of the screens.
func (m *Model) Look() *kit.Look { return m.look }

// UseTerminal sets how to run programs and to set the clipboard.
func (m *Model) UseTerminal(exec func(*exec.Cmd, func(error) tea.Msg) tea.Cmd, setClipboard func(string) tea.Cmd) {
	m.terminal.Exec, m.terminal.SetClipboard = exec, setClipboard
}

// Mode returns the screen of the current mode.
func (m *Model) Mode() kit.Screen { return m.screens[m.current] }

// Dialog returns the top dialog, or nil.
func (m *Model) Dialog() kit.Dialog {
	if n := len(m.dialogs); n > 0 {
		return m.dialogs[n-1]
	}
	return nil
}

// Notice returns the notice in the footer. Its text is empty if there is none.
func (m *Model) Notice() kit.Notice {
	n := m.notice
	n.Key = m.noticeKey()
	return n
}

// top returns the screen that gets the keys: the top dialog or the current mode.
func (m *Model) top() kit.Screen {
	if d := m.Dialog(); d != nil {
		return d
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

// askAgain reports the error of an answer, and shows its prompt again if there is one.
func (m *Model) askAgain(p *kit.Prompt, err error) tea.Cmd {
	m.notify.Error(err)
	if p == nil {
		return nil
	}
	return m.push(p)
}

// Press handles a key.
func (m *Model) Press(k tea.KeyPressMsg) tea.Cmd {
	m.selection = kit.Selection{}
	shown, do := m.notice, m.noticeKey()
	if !shown.Stays || kit.Matches(k, m.look.Keys.Back) {
		m.notice = kit.Notice{}
	}
	if do != "" && k.String() == do {
		m.notice = kit.Notice{}
		return shown.Do
	}
	o := m.top().Press(k)
	if !o.Handled {
		return m.pressGlobal(k)
	}
	return m.Settle(o)
}

func (m *Model) paste(text string) tea.Cmd {
	m.notice = kit.Notice{}
	return m.Settle(m.top().Paste(text))
}

// Settle carries out the outcome of a key or a line.
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

// pressGlobal handles a key that the top screen ignores.
func (m *Model) pressGlobal(k tea.KeyPressMsg) tea.Cmd {
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
		return m.handle(talk.ModelsRequested{})
	case kit.Matches(k, m.look.Keys.Context):
		return m.push(models.NewContextDialog(m.look, m.screens[m.current].Using()))
	case kit.Matches(k, m.look.Keys.NewChat):
		return m.handle(talk.NewRequested{})
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

// quit ends the interface. If a mode would lose changes, it shows that mode first, once.
func (m *Model) quit() tea.Cmd {
	for i, s := range m.screens {
		if k, ok := s.(kit.Leaver); ok && !k.CanLeave() {
			return m.show(i)
		}
	}
	return tea.Quit
}

// show switches to a mode.
func (m *Model) show(i int) tea.Cmd {
	if h, ok := m.screens[m.current].(interface{ Hidden() }); ok && i != m.current {
		h.Hidden()
	}
	m.current = i
	m.dialogs = nil
	if m.screens[i] == nil {
		m.screens[i] = m.newMode(modes[i])
	}
	m.layOut()
	return m.screens[i].Shown()
}

// Commands returns the commands of the current mode and the global ones.
func (m *Model) Commands() []kit.Command {
	return append(m.screens[m.current].Commands(), m.globals()...)
}

// sendToConversation shows the mode with a name, or the chat if that mode is not a
// conversation, and gives it a message.
func (m *Model) sendToConversation(name string, msg tea.Msg) tea.Cmd {
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

// showMode switches to the mode with a name.
func (m *Model) showMode(name string) tea.Cmd {
	if i := slices.Index(modes, name); i >= 0 {
		return m.show(i)
	}
	return nil
}

// handle handles a message, and passes it on to the services, the screens and the dialogs.
func (m *Model) handle(msg tea.Msg) tea.Cmd {
	cmds := []tea.Cmd{m.engines.Update(msg), m.models.Update(msg)}
	m.images.Update(msg)
	switch msg := msg.(type) {
	case engines.ModelChosen:
		m.warnUnable(msg)
	case engines.ModelOpened:
		cmds = append(cmds, m.showFirstRun(msg))
	case talk.ModelsRequested:
		cmds = append(cmds, m.push(models.NewDialog(m.models, false)))
	case models.DownloadPlanned:
		cmds = append(cmds, m.askLicence(msg))
	case models.DownloadEnded:
		cmds = append(cmds, m.useInstalled(msg))
	case kit.PromptFailed:
		cmds = append(cmds, m.askAgain(msg.Prompt, msg.Err))
	case settingsSaved:
		m.notify.Outcome("save the settings", msg.err)
	case past.FileSaved:
		if msg.Err != nil {
			cmds = append(cmds, m.askAgain(msg.Prompt, msg.Err))
		} else {
			m.notify.Info("saved " + msg.Path)
		}
	case importRequested:
		cmds = append(cmds, past.Import(m.tasks, m.history, m.folder, m.terminal.Getenv("HOME"), msg.path, msg.prompt))
	case past.Imported:
		cmds = append(cmds, m.reportImported(msg))
	case past.FileNamed:
		cmds = append(cmds, func() tea.Msg { return past.SaveFile(m.folder, msg) })
	case helpRequested:
		cmds = append(cmds, m.push(newKeysDialog(m.look, m.screens[m.current].Bindings())))
	case quitRequested:
		cmds = append(cmds, m.quit())
	case settingsRequested:
		cmds = append(cmds, m.push(newSettingsDialog(m.look)))
	case settingsChanged:
		cmds = append(cmds, m.change(msg.to))
	case models.Chosen:
		m.dialogs = nil // the choice may come from a dialog on another
		cmds = append(cmds, m.screens[m.current].UseModel(msg.Ref))
	case models.ContextChosen:
		_, cmd := m.engines.Reopen(msg.Ref, engine.LoadOptions{Context: msg.Tokens})
		cmds = append(cmds, cmd)
	case talk.ContextRequested:
		cmds = append(cmds, m.push(models.NewContextDialog(m.look, m.screens[m.current].Using())))
	case modeChosen:
		cmds = append(cmds, m.showMode(msg.name))
	case review.QuestionAsked:
		return m.sendToConversation("chat", talk.QuestionBegun{Text: msg.Text})
	case opened:
		return tea.Batch(m.handle(msg.last), m.screens[m.current].Update(msg.attached))
	case past.Chosen:
		cmds = append(cmds, past.Open(m.tasks, m.history, msg))
	case past.Opened:
		if msg.Err != nil {
			m.notify.Error(msg.Err)
			return nil
		}
		return m.sendToConversation(msg.Conversation.Mode, msg)
	case talk.NewRequested:
		return m.sendToConversation(modes[m.current], msg)
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

// layOut resizes the screens.
func (m *Model) layOut() {
	width, height := max(m.width, minWidth), max(m.height, minHeight)
	height -= m.frameLines()
	m.screens[m.current].Resize(width, height)
	for _, d := range m.dialogs {
		d.Resize(width, height)
	}
}

// release ends a click or a drag. A drag copies the selected text.
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
	m.notify.Info("copied " + units.Plural(kit.LineCount(text), "line"))
	return m.terminal.Copy(text)
}

// click switches to a tab, clicks the top screen, or presses the key of a hint.
func (m *Model) click(at tea.Mouse) tea.Cmd {
	body, notice, footer := m.height-m.frameLines(), len(m.noticeLines()), m.footer()
	if !m.notice.Stays {
		m.notice = kit.Notice{}
	}
	switch {
	case at.Y == 0:
		for _, tab := range m.tabs() {
			if at.X >= tab.left && at.X < tab.left+kit.Width(tab.text) {
				return m.show(tab.mode)
			}
		}
	case at.Y <= body:
		return m.Settle(m.top().Click(at.X, at.Y-1))
	case at.Y < m.height-1-notice:
		return m.handle(talk.ModelsRequested{})
	case at.Y < m.height-1:
		m.notice = kit.Notice{}
	default:
		if h, ok := m.hintAt(footer, at.X); ok && len(h.Keys()) > 0 {
			return m.update(kit.KeyPress(h.Keys()[0]))
		}
	}
	return nil
}

// wheelLines is how far one step of the mouse wheel scrolls.
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
	v.ReportFocus = m.look.Settings.Bell != "never"
	v.BackgroundColor, v.ForegroundColor = m.look.Theme.Background(), m.look.Theme.Foreground()
	if m.look.Mouse() {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.width < minWidth || m.height < minHeight {
		v.SetContent(small(m.width, m.height))
		return v
	}
	lines, cursor := m.draw()
	m.selection.Mark(lines)
	v.SetContent(term.Unmark(strings.Join(lines, "\n")))
	if cursor != nil {
		cursor.Color = m.look.Theme.Cursor()
	}
	v.Cursor = cursor
	return v
}

// draw draws the lines of the frame, and returns the cursor in them.
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
	lines = append(lines, kit.Indent(m.noticeLines(), 1)...)
	return append(lines, m.drawFoot(m.footer())), cursor
}

// small asks for a larger window.
func small(width, height int) string {
	lines := kit.Wrap("bise needs a larger window.", width)
	return strings.Join(lines[:min(max(0, height), len(lines))], "\n")
}

// A tab is the name of a mode in the first line.
type tab struct {
	mode, left int
	text       string
}

// tabs returns the visible tabs.
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

// head draws the first line: the tabs, or the title of the dialog, and the model.
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

// drawFoot draws the last line.
func (m *Model) drawFoot(f kit.Footer) string {
	width := m.width - 2
	if f.Left == "" {
		return " " + m.look.Theme.Muted.Render(kit.JoinHints(f.Hints, width))
	}
	return " " + kit.Spread(f.Left, m.look.Theme.Muted.Render(kit.JoinHints(f.Hints, m.hintsWidth(f))), width)
}

// hintsWidth returns the width of the footer's hints.
func (m *Model) hintsWidth(f kit.Footer) int {
	width := m.width - 2
	if f.Left == "" {
		return width
	}
	return max(width-kit.Width(f.Left)-3, min(width/3, 10))
}

// hintAt returns the hint at a column of the footer.
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
