// Package plain shows the interface line by line, for screen readers and for
// terminals that cannot redraw: the same screens, described in lines.
// Printed lines never change. The user types whole lines, which the terminal edits.
//
// A line is a message, or a command after a slash: those of the interface, or
// the name of a key's action that is available now (/stop, /again). In a list a
// line is the number of a row, words to filter by, or an action with the number
// of a row (delete 3).
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
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui/kit"
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
			s.press(ctx, s.i.Look().Keys.Quit.Keys()[0])
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
	words := strings.TrimSpace(line)
	if d := s.i.Dialog(); d != nil {
		s.answer(ctx, d, words)
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
	if name, ok := strings.CutPrefix(line, "/"); ok && !s.isCommand(name) && s.action(ctx, mode, strings.TrimSpace(name)) {
		return
	}
	if n := s.narrator(); n != nil {
		if o := n.EnterLine(line); o.Handled {
			s.settle(ctx, o)
			return
		}
	}
	switch {
	case words == "":
		s.press(ctx, s.i.Look().Keys.Choose.Keys()[0])
	default:
		if o, ok := kit.RunCommand(line, s.i.Commands()); ok {
			s.settle(ctx, o)
			return
		}
		s.answer(ctx, mode, words)
	}
}

// help lists what the user can type.
func (s *session) help() {
	s.say("A line is a message; one that ends with a backslash continues in the next.")
	for _, c := range s.i.Commands() {
		s.say(strings.TrimSpace("/"+c.Name+" "+c.Args) + ": " + c.Help + ".")
	}
	s.say("Available now: /" + strings.Join(kit.Actions(s.i.Mode().Bindings()), ", /") + ".")
}

func (s *session) settle(ctx context.Context, o kit.Outcome) { s.do(ctx, s.i.Settle(o)) }

func (s *session) press(ctx context.Context, key string) { s.do(ctx, s.i.Press(kit.KeyPress(key))) }

// isCommand reports whether a line starts with the name of a command.
func (s *session) isCommand(line string) bool {
	name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	for _, c := range s.i.Commands() {
		if c.Name == name {
			return true
		}
	}
	return false
}

// action presses the key of the action that starts with a word, if there is one.
func (s *session) action(ctx context.Context, screen kit.Screen, word string) bool {
	if word == "" {
		return false
	}
	for _, h := range screen.Bindings() {
		if h.Enabled() && len(h.Keys()) > 0 && strings.HasPrefix(strings.ToLower(h.Action()), strings.ToLower(word)) {
			s.press(ctx, h.Keys()[0])
			return true
		}
	}
	return false
}

// answer handles a line for a dialog, or for a mode that is a list.
func (s *session) answer(ctx context.Context, screen kit.Screen, line string) {
	keys := s.i.Look().Keys
	if line == "" {
		s.press(ctx, keys.Back.Keys()[0])
		return
	}
	if asker, ok := screen.(kit.Asker); ok {
		s.settle(ctx, asker.Answer(line))
		return
	}
	lister, ok := screen.(kit.Lister)
	if !ok {
		if !s.action(ctx, screen, line) {
			s.press(ctx, keys.Back.Keys()[0])
		}
		return
	}
	list := lister.AsList()
	action, number := "", line
	if i := strings.LastIndexByte(line, ' '); i >= 0 {
		action, number = line[:i], line[i+1:]
	}
	if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= len(list.Rows) {
		list.Select(n - 1)
		if action == "" {
			s.press(ctx, keys.Choose.Keys()[0])
			return
		}
		if s.action(ctx, screen, action) {
			return
		}
	}
	if s.action(ctx, screen, line) {
		return
	}
	// Type it into the filter.
	for list.Filter.Text != "" {
		s.press(ctx, "backspace")
	}
	if list.FilterOnSlash {
		s.press(ctx, "/")
	}
	s.settle(ctx, screen.Paste(line))
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
