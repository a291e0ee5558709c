//go:build unix

package preview

import (
	"image"
	"os"

	"golang.org/x/sys/unix"
)

// Cell returns the size in pixels of a cell of a terminal, zero if it is unknown.
func Cell(terminal *os.File) image.Point {
	size, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return image.Point{}
	}
	return image.Pt(int(size.Xpixel/size.Col), int(size.Ypixel/size.Row))
}
