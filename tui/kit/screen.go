package kit

import (
	tea "charm.land/bubbletea/v2"
)

// A Screen fills the body of the frame: the current mode or a dialog.
type Screen interface {
	// Resize sets the size in cells.
	Resize(width, height int)
	// Update handles a message. Every screen gets every message.
	Update(tea.Msg) tea.Cmd
	// Press, Paste, Click and Scroll handle input. Click gets a position in the body; Scroll
	// gets negative lines for a wheel turned up.
	Press(tea.KeyPressMsg) Outcome
	Paste(text string) Outcome
	Click(x, y int) Outcome
	Scroll(lines int)
	// View draws the body, at most as wide and high as the space, and the text cursor or nil.
	View() (lines []string, cursor *tea.Cursor)
	// Footer returns the last line of the frame.
	Footer() Footer
	// Bindings returns the keys that work now, for the list of keys.
	Bindings() []Hint
}

// A Footer is the last line of the frame: a status, and as many keys as fit.
type Footer struct {
	Left  string
	Hints []Hint
}

// An Outcome is the result of a key, a paste or a click.
type Outcome struct {
	Handled bool    // the screen used it
	Msg     tea.Msg // for the root to handle, or nil
	Opens   Dialog  // a dialog to open, or nil
	Closes  bool    // close this dialog
	Cmd     tea.Cmd
}

// Ignored is the outcome of a key that does nothing.
func Ignored() Outcome { return Outcome{} }

// Handled is the outcome of a key that was used.
func Handled(cmd tea.Cmd) Outcome { return Outcome{Handled: true, Cmd: cmd} }

// Send passes a message to the root.
func Send(msg tea.Msg) Outcome { return Outcome{Handled: true, Msg: msg} }

// Open opens a dialog.
func Open(d Dialog) Outcome { return Outcome{Handled: true, Opens: d} }

// Close closes the dialog and passes a message to the root, or nil.
func Close(msg tea.Msg) Outcome { return Outcome{Handled: true, Closes: true, Msg: msg} }

// A Dialog is a screen on top of the mode.
type Dialog interface {
	Screen
	Title() string
	// Note is shown at the right end of the first line.
	Note() string
	// Init returns the first command, or nil.
	Init() tea.Cmd
}

// A Leaver is a screen with changes that quitting would lose.
type Leaver interface {
	// CanLeave reports whether nothing would be lost. It warns once if not.
	CanLeave() bool
}

// A Lister is a screen that shows a list, always or sometimes.
type Lister interface {
	Screen
	// AsList returns the list that is shown, or nil.
	AsList() *List
}

// ListOf returns the list that a screen shows, or nil.
func ListOf(s Screen) *List {
	if l, ok := s.(Lister); ok {
		return l.AsList()
	}
	return nil
}

// An Asker is a screen that asks for one line.
type Asker interface {
	Screen
	// Question returns the question and the current answer.
	Question() (question, answer string)
	// Answer handles the answer.
	Answer(line string) Outcome
}

// A Narrator is a screen that reports its changes as lines.
type Narrator interface {
	Screen
	// Narrate prints what is new. before is what the last call returned, also of another
	// Narrator; nil at first.
	Narrate(before any, say func(string)) (now any)
	// EnterLine handles a line that the user typed.
	EnterLine(line string) Outcome
	// Busy reports whether an answer is being generated, so that no line is expected.
	Busy() bool
}
