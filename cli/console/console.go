// Package console is the shared bottom of the command line: standard input, output
// and error, what the terminal can do, the progress line, notes, tables and JSON.
//
// Only the answer of a command goes to stdout. Progress, notes and errors go to
// stderr.
package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/render/term"
)

var (
	// ErrInterrupted is the cause of a context that the user has ended.
	ErrInterrupted = fault.Errorf(fault.Interrupted, "interrupted")
	// ErrNo is an answer of "no" that has already been reported.
	ErrNo = fault.Errorf(fault.Negative, "no")
	// ErrUnfinished is work that could be done only in part, which has already been reported.
	ErrUnfinished = fault.Errorf(fault.Unfinished, "unfinished")
)

// A Console is what a command reads and writes. The flags are set before the command
// runs.
type Console struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Out, Err       term.Screen // what stdout and stderr are

	JSON       bool // print JSON
	Quiet      bool // no progress and no notes
	NoColor    bool
	Accessible bool // print in order and redraw nothing

	// Style returns the style of answers.
	Style func() *markdown.Style

	progress *progress
}

// New makes a console.
func New(stdin io.Reader, stdout, stderr io.Writer) *Console {
	c := &Console{Stdin: stdin, Stdout: stdout, Stderr: stderr, Out: term.Of(stdout), Err: term.Of(stderr)}
	c.Style = func() *markdown.Style { return Background(os.Getenv("COLORFGBG")) }
	c.progress = newProgress(stderr, c.Err)
	return c
}

// Apply applies the flags to the progress line.
func (c *Console) Apply() {
	if c.Accessible || c.Quiet {
		c.progress.calm(c.Quiet)
	}
}

// Silence drops progress and notes from now on: the interface owns the terminal.
func (c *Console) Silence() {
	c.Quiet = true
	c.progress.calm(true)
}

// Wait shows a progress line, from the time on when the work has taken a moment. The
// line is called again whenever it is drawn, from another goroutine, until
// [Console.Erase].
func (c *Console) Wait(line func(columns int) string) { c.progress.wait(line) }

// Waitf shows a fixed progress line.
func (c *Console) Waitf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.progress.wait(func(int) string { return text })
}

// Erase removes the progress line.
func (c *Console) Erase() { c.progress.erase() }

// Progress shows what, and removes it when what is empty.
func (c *Console) Progress(what string) {
	if what == "" {
		c.Erase()
		return
	}
	c.Waitf("%s", what)
}

// Notef reports what is neither a result nor an error, unless the user wants quiet.
func (c *Console) Notef(format string, args ...any) {
	if !c.Quiet {
		c.Warnf(format, args...)
	}
}

// Warnf writes a line about a fault to stderr, also when notes are not wanted.
func (c *Console) Warnf(format string, args ...any) {
	c.Erase()
	fmt.Fprintln(c.Stderr, c.Clean(fmt.Sprintf(format, args...)))
}

// IsBrokenPipe reports whether the reader of the output has closed the pipe.
func IsBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

// Report reports an error: a sentence on what went wrong, and one on what to do.
func (c *Console) Report(err error) {
	switch fault.KindOf(err) {
	case fault.Negative, fault.Unfinished, fault.Interrupted:
		return
	}
	if err == nil || IsBrokenPipe(err) {
		return
	}
	slog.Error("failed", "kind", fault.KindOf(err), "exit", fault.ExitCode(err))
	msg, advice := fault.Explain(err)
	fmt.Fprintf(c.Stderr, "bise: %s\n", c.Clean(msg))
	if advice != "" {
		fmt.Fprintln(c.Stderr, c.Clean(advice))
	}
}

// Clean removes from a text for stderr what a terminal would obey: messages quote
// file names, servers and models.
func (c *Console) Clean(s string) string { return clean(c.Err, s) }

// CleanOut is [Console.Clean] for stdout.
func (c *Console) CleanOut(s string) string { return clean(c.Out, s) }

func clean(screen term.Screen, s string) string {
	if !screen.Terminal() {
		return s
	}
	return term.Clean(s)
}

// Asks reports whether the user can be asked a question.
func (c *Console) Asks() bool { return term.IsTerminal(c.Stdin) && c.Err.Terminal() && !c.JSON }

// Piped reports whether stdin is something other than a terminal.
func (c *Console) Piped() bool { return c.Stdin != nil && !term.IsTerminal(c.Stdin) }

// Print writes a table to stdout, cut to the width of a terminal but whole in a pipe.
func (c *Console) Print(t *Table) error {
	if !c.Out.Terminal() {
		return t.Write(c.Stdout, 0)
	}
	columns, _ := c.Out.Size()
	return t.Write(c.Stdout, columns)
}

// WriteJSON writes a value to stdout as one line.
func (c *Console) WriteJSON(v any) error { return WriteJSON(c.Stdout, v) }

// WriteJSON writes a value as one line, without the escapes that only browsers need.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Fail also writes an error as the last line of JSON if the caller reads JSON. It
// returns the error.
func (c *Console) Fail(err error) error {
	if !c.JSON || errors.Is(err, ErrInterrupted) {
		return err
	}
	msg, hint := fault.Explain(err)
	return errors.Join(err, c.WriteJSON(struct {
		Type    string     `json:"type"`
		Kind    fault.Kind `json:"kind"`
		Message string     `json:"message"`
		Hint    string     `json:"hint,omitempty"`
	}{"error", fault.KindOf(err), msg, hint}))
}

// Run is the frame of a command that works for a while: it shows a progress line,
// does the work, removes the line, and then writes the result as JSON or as notes.
func Run[T any](c *Console, line func(columns int) string, work func() (T, error), result func(T) any, notes func(T)) error {
	c.Wait(line)
	done, err := work()
	c.Erase()
	if err != nil {
		return err
	}
	if c.JSON {
		return c.WriteJSON(result(done))
	}
	notes(done)
	return nil
}
