package tui

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

	"github.com/bise-sh/bise/tui/kit"

	tea "charm.land/bubbletea/v2"
	"github.com/bise-sh/bise/render/term"
	"github.com/charmbracelet/x/ansi"
)

// linear is the interface for screen readers: the same [Model], told line by line
// instead of drawn. What is typed is whole lines, as the terminal edits them.
// Nothing that was printed is ever changed.
//
// A line is a message, or a command after a slash: those of the interface, or the
// word of a key that works at this moment (/stop, /again). In a list a line is the
// number of a row, words to filter by, or the word of a key with a row (delete 3).
type linear struct {
	m       *Model
	in      io.Reader
	screen  io.Writer
	out     *bufio.Writer // to the screen
	arrived chan tea.Msg
	quit    bool

	// What was told last, to tell only what is new.
	subject  string
	notice   string
	dialog   kit.Dialog
	listed   string
	selected int
	unfolded bool // the selected message
	edited   int  // the message that is being edited
	written  string
	chat     *saved
	turn     *turn
	parts    int    // of the turn
	phase    string // what the answer waits for
	inCode   bool
	ended    bool
	prompted bool // the last line asks for one
}

// RunLinear is [Run] for screen readers. interrupted tells that the person pressed
// Ctrl-C, which stops an answer, or else leaves bise.
func RunLinear(ctx context.Context, o Options, in io.Reader, out io.Writer, interrupted <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	l := &linear{m: New(ctx, o), in: in, screen: out, out: bufio.NewWriter(out), arrived: make(chan tea.Msg), selected: -1, edited: -1}
	l.m.terminal.Exec, l.m.terminal.SetClipboard = l.program, l.clipboard
	err := l.run(ctx, interrupted)
	cancel()
	err = errors.Join(err, l.m.Close())
	for _, line := range l.m.shelf.left() {
		l.say(line)
	}
	return errors.Join(err, l.out.Flush())
}

func (l *linear) run(ctx context.Context, interrupted <-chan os.Signal) error {
	lines := make(chan string)
	ended := make(chan error, 1)
	next := make(chan struct{}) // asks for a line: a program may have the terminal at other times
	go func() {
		reader := bufio.NewReaderSize(l.in, 1<<16)
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
	l.m.resize(kit.MaxColumns, 50)
	l.do(ctx, l.m.screens[l.m.current].shown())
	l.say("bise. /help lists commands.")
	reads, ending := next, false
	for !l.quit {
		l.report()
		if c := l.conversation(); ending && (c == nil || !c.busy()) {
			break
		}
		l.prompt()
		if err := l.out.Flush(); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case reads <- struct{}{}:
			reads = nil
		case line := <-lines:
			reads = next
			l.prompted = false
			l.take(ctx, line)
		case err := <-ended:
			if !errors.Is(err, io.EOF) {
				return fmt.Errorf("read what is typed: %w", err)
			}
			reads, ending = nil, true // once the answer is told
		case <-interrupted:
			l.do(ctx, l.m.press(kit.KeyPress(l.m.look.Keys.Quit.Keys()[0])))
		case msg := <-l.arrived:
			l.update(ctx, msg)
		}
	}
	return l.out.Flush()
}

// do runs a command; its result arrives as a message.
func (l *linear) do(ctx context.Context, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		if msg := cmd(); msg != nil {
			select {
			case l.arrived <- msg:
			case <-ctx.Done():
			}
		}
	}()
}

func (l *linear) update(ctx context.Context, msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.QuitMsg:
		l.quit = true
	case tea.BatchMsg:
		for _, cmd := range msg {
			l.do(ctx, cmd)
		}
	default:
		_, cmd := l.m.Update(msg)
		l.do(ctx, cmd)
	}
}

// program runs a program in the terminal at once: no line is being read while one
// is carried out.
func (l *linear) program(cmd *exec.Cmd, done func(error) tea.Msg) tea.Cmd {
	if terminal, ok := l.in.(*os.File); ok {
		cmd.Stdin = terminal // of another reader the program's end would not be noticed
	}
	cmd.Stdout, cmd.Stderr = l.screen, l.screen
	l.out.Flush()
	msg := done(cmd.Run())
	return func() tea.Msg { return msg }
}

// clipboard leaves the text to a program of the system.
func (l *linear) clipboard(string) tea.Cmd { return nil }

// take does what a line says.
func (l *linear) take(ctx context.Context, line string) {
	if n := len(l.m.dialogs); n > 0 {
		l.answer(ctx, l.m.dialogs[n-1], strings.TrimSpace(line))
		return
	}
	switch line {
	case "/quit":
		l.quit = true
		return
	case "/help":
		l.help()
		return
	}
	if name, ok := strings.CutPrefix(line, "/"); ok && l.word(ctx, l.m.top(), strings.TrimSpace(name)) {
		return
	}
	c := l.conversation()
	switch {
	case c == nil && strings.TrimSpace(line) != "":
		if o, ok := kit.RunCommand(line, l.m.commands()); ok {
			l.settle(ctx, o)
			return
		}
		l.answer(ctx, l.m.top(), strings.TrimSpace(line))
	case c == nil, strings.TrimSpace(line) == "" && c.composer.message().empty():
		l.press(ctx, l.m.look.Keys.Choose.Keys()[0])
	case strings.HasSuffix(line, `\`):
		c.composer.Insert(strings.TrimSuffix(line, `\`) + "\n")
		l.written = c.composer.Text
	default:
		if c.edited >= 0 {
			c.composer.Editor.SetText("")
		}
		c.transcript.choose(-1)
		c.composer.popup = nil
		c.composer.Insert(line)
		l.settle(ctx, c.sendWritten())
	}
}

// help tells what can be typed.
func (l *linear) help() {
	l.say("A line is a message; one that ends with a backslash goes on in the next.")
	for _, c := range l.m.commands() {
		l.say(strings.TrimSpace("/"+c.Name+" "+c.Args) + ": " + c.Help + ".")
	}
	l.say("At this moment also: /" + strings.Join(kit.Actions(l.m.top().Bindings()), ", /") + ".")
}

func (l *linear) settle(ctx context.Context, o kit.Outcome) {
	l.do(ctx, l.m.settle(o))
}

func (l *linear) press(ctx context.Context, key string) { l.do(ctx, l.m.press(kit.KeyPress(key))) }

// word presses the key whose words begin with a word; false when there is none.
func (l *linear) word(ctx context.Context, s kit.Screen, word string) bool {
	if word == "" {
		return false
	}
	for _, c := range l.m.commands() {
		if name, _, _ := strings.Cut(word, " "); name == c.Name && s == kit.Screen(l.m.screens[l.m.current]) {
			return false // a command of that name comes first
		}
	}
	for _, h := range s.Bindings() {
		words := h.Words
		if words == "" {
			words = h.Help().Desc
		}
		if h.Enabled() && len(h.Keys()) > 0 && strings.HasPrefix(strings.ToLower(words), strings.ToLower(word)) {
			l.press(ctx, h.Keys()[0])
			return true
		}
	}
	return false
}

// answer takes a line for a dialog, or for a mode that is a list.
func (l *linear) answer(ctx context.Context, d kit.Screen, line string) {
	if p, ok := d.(*kit.Prompt); ok {
		if line == "" {
			l.press(ctx, l.m.look.Keys.Back.Keys()[0])
			return
		}
		p.SetText(line)
		l.press(ctx, l.m.look.Keys.Choose.Keys()[0])
		return
	}
	rows, ok := d.(interface{ rowsOf() *kit.List })
	if !ok && l.word(ctx, d, line) {
		return
	}
	if !ok || line == "" {
		l.press(ctx, l.m.look.Keys.Back.Keys()[0])
		return
	}
	list := rows.rowsOf()
	action, number := "", line
	if i := strings.LastIndexByte(line, ' '); i >= 0 {
		action, number = line[:i], line[i+1:]
	}
	if n, err := strconv.Atoi(number); err == nil && n >= 1 && n <= len(list.Rows) {
		list.Select(n - 1)
		if action == "" {
			l.press(ctx, l.m.look.Keys.Choose.Keys()[0])
			return
		}
		if l.word(ctx, d, action) {
			return
		}
	}
	if l.word(ctx, d, line) {
		return
	}
	// The filter takes it as if it were typed.
	for list.Filter.Text != "" {
		l.press(ctx, "backspace")
	}
	if list.FilterOnSlash {
		l.press(ctx, "/")
	}
	l.settle(ctx, d.Paste(line))
}

// conversation is that of the current mode, nil when it has none.
func (l *linear) conversation() *conversation {
	if c, ok := l.m.screens[l.m.current].(interface{ theConversation() *conversation }); ok {
		return c.theConversation()
	}
	return nil
}

// say prints a line; what was asked before stands above it.
func (l *linear) say(text string) {
	if l.prompted {
		fmt.Fprintln(l.out)
		l.prompted = false
	}
	for line := range strings.SplitSeq(strings.TrimRight(term.Clean(ansi.Strip(text)), "\n"), "\n") {
		fmt.Fprintln(l.out, strings.TrimRight(line, " "))
	}
}

// prompt asks for a line, when it is somebody's turn to write one.
func (l *linear) prompt() {
	if c := l.conversation(); l.prompted || len(l.m.dialogs) == 0 && c != nil && c.busy() {
		return
	}
	l.prompted = true
	if len(l.m.dialogs) > 0 {
		fmt.Fprint(l.out, "> ")
		return
	}
	fmt.Fprint(l.out, "You: ")
}
