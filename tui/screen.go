package tui

import (
	tea "charm.land/bubbletea/v2"
)

// A screen is what fills the body of the frame: the current mode, or a dialog.
type screen interface {
	// resize tells how much space there is, in cells.
	resize(width, height int)
	// update takes a message that the root does not know. It comes to every screen.
	update(tea.Msg) tea.Cmd
	// press, paste and click take what the person does. A click's place is counted
	// from the body's top left corner; a wheel turned up has negative lines.
	press(tea.KeyPressMsg) outcome
	paste(text string) outcome
	click(x, y int) outcome
	wheel(lines int)
	// view draws the body: lines no wider than the space, at most as many as there
	// are rows, and the text cursor or nil.
	view() (lines []string, cursor *tea.Cursor)
	// foot is what the last line of the frame says.
	foot() foot
	// bindings are the keys that work at this moment, for the list of keys.
	bindings() []hint
}

// A foot is the last line of the frame: what is true at this moment, and the keys
// at its right end, as many as fit.
type foot struct {
	left  string
	hints []hint
}

// An outcome is what became of a key, a paste or a click.
type outcome struct {
	handled bool    // it meant something here
	tell    tea.Msg // what the root is to carry out, or nil
	opens   dialog  // the dialog to put on top, or nil
	closes  bool    // the dialog is done
	cmd     tea.Cmd
}

// pass is the outcome of a key that means nothing here.
func pass() outcome { return outcome{} }

// took is the outcome of a key that meant something.
func took(cmd tea.Cmd) outcome { return outcome{handled: true, cmd: cmd} }

// tell has the root carry something out.
func tell(msg tea.Msg) outcome { return outcome{handled: true, tell: msg} }

// openDialog puts a dialog on top.
func openDialog(d dialog) outcome { return outcome{handled: true, opens: d} }

// answer closes the dialog with what was decided; nil is nothing.
func answer(msg tea.Msg) outcome { return outcome{handled: true, closes: true, tell: msg} }

// A mode is a thing that bise can do, with a tab of its own.
type mode interface {
	screen
	// subject is what the mode is about, for the right end of the frame's first
	// line: usually the model.
	subject() string
	// using is the model that the mode works with, nil while it has none, and
	// useModel gives it another.
	using() *model
	useModel(ref string) tea.Cmd
	// commands are the mode's own, in the order in which they are listed.
	commands() []command
	// shown tells the mode that it is current again.
	shown() tea.Cmd
}

// modes are the names of the modes, in the order of their tabs.
var modes = []string{"chat", "review", "code", "math", "vision"}

// A dialog covers the body until it is answered.
type dialog interface {
	screen
	title() string
	// note stands at the right end of the frame's first line.
	note() string
	// begin is the command with which it begins, or nil.
	begin() tea.Cmd
}
