// Package term is what the verbs need to know about a terminal, and what keeps
// a model's words from commanding it.
package term

import (
	"io"
	"os"
	"runtime"

	xterm "golang.org/x/term"
)

// A Screen is an output of the program, which may be a terminal.
type Screen struct {
	file  *os.File // nil unless it is a terminal
	moves bool
}

// Of looks at an output.
func Of(w any) Screen {
	f, ok := w.(*os.File)
	if !ok || !xterm.IsTerminal(int(f.Fd())) {
		return Screen{}
	}
	name := os.Getenv("TERM")
	return Screen{file: f, moves: name != "dumb" && (name != "" || runtime.GOOS == "windows")}
}

// Terminal reports whether it is a terminal: what is written there is obeyed,
// not only shown.
func (s Screen) Terminal() bool { return s.file != nil }

// Moves reports whether it is a terminal whose cursor can be moved.
func (s Screen) Moves() bool { return s.moves }

// Size gives the terminal's columns and rows at this moment, 80 and 24 where it
// cannot tell.
func (s Screen) Size() (columns, rows int) {
	if s.file != nil {
		if w, h, err := xterm.GetSize(int(s.file.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return 80, 24
}

// IsTerminal reports whether r reads what is typed at a terminal.
func IsTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && xterm.IsTerminal(int(f.Fd()))
}
