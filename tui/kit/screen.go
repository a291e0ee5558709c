package kit

import (
	tea "charm.land/bubbletea/v2"
)

// A Screen is what fills the body of the frame: the current mode, or a dialog.
type Screen interface {
	// Resize tells how much space there is, in cells.
	Resize(width, height int)
	// Update takes a message that the root does not know. It comes to every screen.
	Update(tea.Msg) tea.Cmd
	// Press, paste and click take what the person does. A click's place is counted
	// from the body's top left corner; a wheel turned up has negative lines.
	Press(tea.KeyPressMsg) Outcome
	Paste(text string) Outcome
	Click(x, y int) Outcome
	Scroll(lines int)
	// View draws the body: lines no wider than the space, at most as many as there
	// are rows, and the text cursor or nil.
	View() (lines []string, cursor *tea.Cursor)
	// Footer is what the last line of the frame says.
	Footer() Footer
	// Bindings are the keys that work at this moment, for the list of keys.
	Bindings() []Hint
}

// A Footer is the last line of the frame: what is true at this moment, and the keys
// at its right end, as many as fit.
type Footer struct {
	Left  string
	Hints []Hint
}

// An Outcome is what became of a key, a paste or a click.
type Outcome struct {
	Handled bool    // it meant something here
	Msg     tea.Msg // what the root is to carry out, or nil
	Opens   Dialog  // the dialog to put on top, or nil
	Closes  bool    // the dialog is done
	Cmd     tea.Cmd
}

// Ignored is the outcome of a key that means nothing here.
func Ignored() Outcome { return Outcome{} }

// Handled is the outcome of a key that meant something.
func Handled(cmd tea.Cmd) Outcome { return Outcome{Handled: true, Cmd: cmd} }

// Send has the root carry something out.
func Send(msg tea.Msg) Outcome { return Outcome{Handled: true, Msg: msg} }

// Open puts a dialog on top.
func Open(d Dialog) Outcome { return Outcome{Handled: true, Opens: d} }

// Close closes the dialog with what was decided; nil is nothing.
func Close(msg tea.Msg) Outcome { return Outcome{Handled: true, Closes: true, Msg: msg} }

// A Dialog covers the body until it is answered.
type Dialog interface {
	Screen
	Title() string
	// Note stands at the right end of the frame's first line.
	Note() string
	// Init is the command with which it begins, or nil.
	Init() tea.Cmd
}

// A Leaver is a screen that can lose something when the interface ends.
type Leaver interface {
	// CanLeave reports whether nothing would be lost. It says once what would.
	CanLeave() bool
}

// A Lister is a screen that is a list.
type Lister interface {
	Screen
	AsList() *List
}

// An Asker is a screen that asks for one line.
type Asker interface {
	Screen
	// Question returns what is asked, and the answer that is there already.
	Question() (question, answer string)
	// Answer is enter after line was written.
	Answer(line string) Outcome
}

// A Narrator is a screen that says what happens on it, for a reader of lines.
type Narrator interface {
	Screen
	// Narrate says what is new. before is what the last call of any Narrator's
	// returned, nil at first.
	Narrate(before any, say func(string)) (now any)
	// EnterLine takes a line that was written.
	EnterLine(line string) Outcome
	// Busy reports whether no line is expected, because an answer is on its way.
	Busy() bool
}
