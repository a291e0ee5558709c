// Package term is what the verbs need to know about a terminal, and what keeps
// a model's words from commanding it.
package term

import (
	"io"
	"os"

	xterm "golang.org/x/term"
)

// A Screen is an output of the program, which may be a terminal.
type Screen struct {
	file *os.File // nil unless it is a terminal that can move its cursor
}

// Of looks at an output.
func Of(w any) Screen {
	f, ok := w.(*os.File)
	if !ok || !xterm.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return Screen{}
	}
	return Screen{file: f}
}

// Terminal reports whether it is a terminal whose cursor can be moved.
func (s Screen) Terminal() bool { return s.file != nil }

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
