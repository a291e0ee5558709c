// Package term describes the terminal of a command, and removes control sequences from
// foreign text before the terminal shows it.
package term

import (
	"io"
	"os"
	"runtime"

	xterm "golang.org/x/term"
)

// A Screen is an output of the program. It may be a terminal.
type Screen struct {
	file  *os.File // nil unless it is a terminal
	moves bool
}

// Of returns the screen of an output.
func Of(w any) Screen {
	f, ok := w.(*os.File)
	if !ok || !xterm.IsTerminal(int(f.Fd())) {
		return Screen{}
	}
	name := os.Getenv("TERM")
	return Screen{file: f, moves: name != "dumb" && (name != "" || runtime.GOOS == "windows")}
}

// Terminal reports whether s is a terminal, which obeys control sequences.
func (s Screen) Terminal() bool { return s.file != nil }

// Moves reports whether s is a terminal that can move its cursor.
func (s Screen) Moves() bool { return s.moves }

// Size returns the terminal's current columns and rows, 80 and 24 when they are
// unknown.
func (s Screen) Size() (columns, rows int) {
	if s.file != nil {
		if w, h, err := xterm.GetSize(int(s.file.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return 80, 24
}

// IsTerminal reports whether r reads from a terminal.
func IsTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && xterm.IsTerminal(int(f.Fd()))
}

// OpenKeyboard opens what the user types at the terminal of this process, also if stdin
// is something else.
func OpenKeyboard() (*os.File, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONIN$", os.O_RDWR, 0)
	}
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}
