// Package plain shows the interface line by line, for screen readers and for
// terminals that cannot redraw: the same screens, described in lines.
// Printed lines never change. The user types whole lines, which the terminal edits.
//
// A line is a message, or a command after a slash: those of the interface, or
// the name of a key's action that is available now (/stop, /again). In a list a
// line is the number of a row, words to filter by, or an action with the number
// of a row (delete 3); actions that concern no row follow a slash (/undo delete).
//
// The package uses screens through the interfaces of package kit: a [kit.Narrator],
// a [kit.Lister], a [kit.Asker], or else the text that a screen draws.
package plain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// An Interface is the interface as Run uses it. Only one goroutine calls it.
type Interface interface {
	// Start is the first command of the current mode.
	Start() tea.Cmd
	Update(tea.Msg) (tea.Model, tea.Cmd)
	Look() *kit.Look
	// UseTerminal sets how to run programs and to set the clipboard.
	UseTerminal(exec func(*exec.Cmd, func(error) tea.Msg) tea.Cmd, setClipboard func(string) tea.Cmd)
	// Mode returns the screen of the current mode, and Dialog the top dialog or nil.
	Mode() kit.Screen
	Dialog() kit.Dialog
	// Commands returns the commands that work now.
	Commands() []kit.Command
	Notice() kit.Notice
	// Press handles a key, and Settle the outcome of a line.
	Press(tea.KeyPressMsg) tea.Cmd
	Settle(kit.Outcome) tea.Cmd
}

// size is the size of the screens, in cells, which limits their texts.
var size = tea.WindowSizeMsg{Width: kit.MaxColumns, Height: 50}

// A session is one run of the interface.
type session struct {
	i       Interface
	in      io.Reader
	screen  io.Writer
	out     *bufio.Writer // to the screen
	arrived chan tea.Msg
	quit    bool

	// What was printed last, so that only changes are printed.
	narrated any
	notice   string
	dialog   kit.Dialog
	text     string
	prompted bool // the last line is a prompt
}

// Run shows the interface until the user quits or ctx ends. interrupted reports
// Ctrl-C, which stops an answer, or else quits.
func Run(ctx context.Context, i Interface, in io.Reader, out io.Writer, interrupted <-chan os.Signal) error {
	s := &session{i: i, in: in, screen: out, out: bufio.NewWriter(out), arrived: make(chan tea.Msg)}
	i.UseTerminal(s.program, s.setClipboard)
	return errors.Join(s.run(ctx, interrupted), s.out.Flush())
}

func (s *session) run(ctx context.Context, interrupted <-chan os.Signal) error {
	lines := make(chan string)
	ended := make(chan error, 1)
	next := make(chan struct{}) // requests a line; a program may use the terminal in between
	go func() {
		reader := bufio.NewReaderSize(s.in, 1<<16)
		for range next {
			line, err := reader.ReadString('\n')
			if line = strings.TrimRight(line, "\r\n"); line != "" || err == nil {
				select {
				case lines <- line:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	defer close(next)
	s.update(ctx, size)
	s.do(ctx, s.i.Start())
	s.say("bise. /help lists commands.")
	reads, ending := next, false
	for !s.quit {
		s.report()
		if n := s.narrator(); ending && (n == nil || !n.Busy()) {
			break
		}
		s.prompt()
		if err := s.out.Flush(); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case reads <- struct{}{}:
			reads = nil
		case line := <-lines:
			reads = next
			s.prompted = false
			s.handleLine(ctx, line)
		case err := <-ended:
			if !errors.Is(err, io.EOF) {
				return fmt.Errorf("read input: %w", err)
			}
			reads, ending = nil, true // quit after the answer
		case <-interrupted:
			s.press(ctx, s.i.Look().Keys.Quit)
		case msg := <-s.arrived:
			s.update(ctx, msg)
		}
	}
	return nil
}

// do runs a command; its result arrives as a message.
func (s *session) do(ctx context.Context, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		if msg := cmd(); msg != nil {
			select {
			case s.arrived <- msg:
			case <-ctx.Done():
			}
		}
	}()
}

func (s *session) update(ctx context.Context, msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.QuitMsg:
		s.quit = true
	case tea.BatchMsg:
		for _, cmd := range msg {
			s.do(ctx, cmd)
		}
	default:
		_, cmd := s.i.Update(msg)
		s.do(ctx, cmd)
	}
}

// program runs a program in the terminal at once: no line is being read at this time.
func (s *session) program(cmd *exec.Cmd, done func(error) tea.Msg) tea.Cmd {
	if terminal, ok := s.in.(*os.File); ok {
		cmd.Stdin = terminal // otherwise Run waits for more input
	}
	cmd.Stdout, cmd.Stderr = s.screen, s.screen
	s.out.Flush()
	msg := done(cmd.Run())
	return func() tea.Msg { return msg }
}

// setClipboard does nothing: a system program sets the clipboard.
func (s *session) setClipboard(string) tea.Cmd { return nil }

// handleLine handles a line.
func (s *session) handleLine(ctx context.Context, line string) {
	if d := s.i.Dialog(); d != nil {
		if line == "/help" {
			s.say(s.possible(d))
			return
		}
		s.answer(ctx, d, strings.TrimSpace(line))
		return
	}
	switch line {
	case "/quit":
		s.quit = true
		return
	case "/help":
		s.help()
		return
	}
	mode := s.i.Mode()
	command, args, err := kit.FindCommand(line, s.i.Commands())
	// A name is first an action of the screen: /new line is not the command /new.
	if name, ok := strings.CutPrefix(line, "/"); ok && s.act(ctx, mode, name, command == nil) {
		return
	}
	if n := s.narrator(); n != nil {
		if o := n.EnterLine(line); o.Handled {
			s.settle(ctx, o)
			return
		}
	}
	switch {
	case command != nil:
		s.settle(ctx, command.Run(args))
	case err != nil:
		msg, advice := kit.Explain(err)
		s.say(strings.TrimSpace(msg + " " + advice))
	default:
		s.answer(ctx, mode, strings.TrimSpace(line))
	}
}

// help lists what the user can type.
func (s *session) help() {
	s.say("A line is a message; one that ends with a backslash continues in the next.")
	for _, c := range s.i.Commands() {
		s.say(strings.TrimSpace("/"+c.Name+" "+c.Args) + ": " + c.Help + ".")
	}
	s.say(s.possible(s.i.Mode()))
}

func (s *session) settle(ctx context.Context, o kit.Outcome) { s.do(ctx, s.i.Settle(o)) }

// press presses a key of a binding.
func (s *session) press(ctx context.Context, b key.Binding) {
	if keys := b.Keys(); len(keys) > 0 {
		s.do(ctx, s.i.Press(kit.KeyPress(keys[0])))
	}
}

// actions returns what can be done in a screen: with a row of its list, or without one.
func (s *session) actions(screen kit.Screen, row bool) []kit.Hint {
	isList := kit.ListOf(screen) != nil
	_, isDialog := screen.(kit.Dialog)
	var list []kit.Hint
	for _, h := range screen.Bindings() {
		back := slices.Equal(h.Keys(), s.i.Look().Keys.Back.Keys())
		switch {
		case !h.Enabled(), len(h.Keys()) == 0:
		case h.Keys()[0] == "/", h.Keys()[0] == "@": // a line has them as text
		case back && isDialog: // as an empty line
		case row == (isList && !h.General && !back):
			list = append(list, h)
		}
	}
	return list
}

// find returns the action with a name. partly accepts the first words of the name.
func find(list []kit.Hint, name string, partly bool) (kit.Hint, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, h := range list {
		if strings.ToLower(h.Action()) == name {
			return h, true
		}
	}
	for _, h := range list {
		if partly && name != "" && strings.HasPrefix(strings.ToLower(h.Action()), name+" ") {
			return h, true
		}
	}
	return kit.Hint{}, false
}

// act does what a line names. It returns false if the line names nothing. partly accepts the first
// words of a name.
func (s *session) act(ctx context.Context, screen kit.Screen, line string, partly bool) bool {
	list := s.actions(screen, false)
	if n := s.i.Notice(); n.Key != "" {
		list = append(list, kit.Hint{Binding: kit.NewBinding(n.Key, n.Word)})
	}
	if h, ok := find(list, line, partly); ok {
		s.press(ctx, h.Binding)
		return true
	}
	rows := kit.ListOf(screen)
	if rows == nil || s.actOnRow(ctx, screen, rows, line) {
		return rows != nil
	}
	h, ok := find(s.actions(screen, true), line, true)
	if ok {
		s.say(fmt.Sprintf("To %s, add the number of a row.", h.Action()))
	}
	return ok
}

// actOnRow handles the number of a row, alone or after an action: without its number, an action is
// never carried out.
func (s *session) actOnRow(ctx context.Context, screen kit.Screen, list *kit.List, line string) bool {
	words, number := "", line
	if i := strings.LastIndexByte(line, ' '); i >= 0 {
		words, number = line[:i], line[i+1:]
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return false
	}
	selected := list.Selected
	list.Select(n - 1) // its actions depend on it
	h, ok := find(s.actions(screen, true), words, true)
	switch {
	case !ok && words != "":
		list.Select(selected)
		return false
	case n < 1 || n > len(list.Rows):
		list.Select(selected)
		s.say(fmt.Sprintf("No row has the number %d. The list has %s.", n, units.Plural(len(list.Rows), "row")))
	case words == "":
		s.press(ctx, s.i.Look().Keys.Choose)
	default:
		s.press(ctx, h.Binding)
	}
	return true
}

// answer handles a line for a dialog, or for a mode that is a list.
func (s *session) answer(ctx context.Context, screen kit.Screen, line string) {
	asker, asks := screen.(kit.Asker)
	list := kit.ListOf(screen)
	name, slash := strings.CutPrefix(line, "/")
	switch {
	case asks && line != "":
		s.settle(ctx, asker.Answer(line))
	case line == "", line == "/back":
		s.press(ctx, s.i.Look().Keys.Back)
	case line == "/quit":
		s.quit = true
	case list == nil || slash:
		if !s.act(ctx, screen, name, true) {
			s.say(fmt.Sprintf("Unknown action %q. %s", line, s.possible(screen)))
		}
	default:
		s.answerList(ctx, screen, list, line)
	}
}

// answerList handles a line for a list.
func (s *session) answerList(ctx context.Context, screen kit.Screen, list *kit.List, line string) {
	if s.actOnRow(ctx, screen, list, line) {
		return
	}
	h, isAction := find(s.actions(screen, true), line, true)
	switch {
	case list.Fixed && !isAction:
		s.say(fmt.Sprintf("Unknown action %q. %s", line, s.possible(screen)))
		return
	case isAction:
		s.say(fmt.Sprintf("To %s, add the number of a row.", h.Action()))
		if list.Fixed {
			return
		}
	}
	list.Filtering = true
	list.Filter.SetText("")
	s.settle(ctx, screen.Paste(line))
	list.Filtering = false // letters are keys again
}

// possible lists what can be entered in a screen.
func (s *session) possible(screen kit.Screen) string {
	list := kit.ListOf(screen)
	_, isDialog := screen.(kit.Dialog)
	var texts []string
	without := kit.Actions(s.actions(screen, false))
	switch {
	case list != nil && list.Fixed:
		texts = append(texts, "A number chooses.")
	case list != nil:
		texts = append(texts, "A number chooses, words filter.")
	}
	if list := kit.Actions(s.actions(screen, true)); len(list) > 0 {
		texts = append(texts, fmt.Sprintf("Actions, before a number: %s.", strings.Join(list, ", ")))
	}
	if len(without) > 0 {
		texts = append(texts, fmt.Sprintf("Available now: /%s.", strings.Join(without, ", /")))
	}
	if isDialog {
		texts = append(texts, "An empty line goes back.")
	}
	return strings.Join(texts, " ")
}

// narrator returns the current mode, or nil if it is not a Narrator.
func (s *session) narrator() kit.Narrator {
	n, _ := s.i.Mode().(kit.Narrator)
	return n
}

// say prints text on a new line after the prompt.
func (s *session) say(text string) {
	if s.prompted {
		fmt.Fprintln(s.out)
		s.prompted = false
	}
	for line := range strings.SplitSeq(strings.TrimRight(term.Clean(ansi.Strip(text)), "\n"), "\n") {
		fmt.Fprintln(s.out, strings.TrimRight(line, " "))
	}
}

// prompt prints a prompt, unless an answer is being generated.
func (s *session) prompt() {
	dialog := s.i.Dialog() != nil
	screen := s.i.Mode()
	if dialog {
		screen = s.i.Dialog()
	}
	if list := kit.ListOf(screen); list != nil && list.Loading {
		return // its rows come first
	}
	if n := s.narrator(); s.prompted || !dialog && n != nil && n.Busy() {
		return
	}
	s.prompted = true
	if dialog {
		fmt.Fprint(s.out, "> ")
		return
	}
	fmt.Fprint(s.out, "You: ")
}
