//go:build unix

package preview

import (
	"image"
	"os"

	"golang.org/x/sys/unix"
)

// Cell is how many pixels a cell of a terminal has, zero when it does not tell.
func Cell(terminal *os.File) image.Point {
	size, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return image.Point{}
	}
	return image.Pt(int(size.Xpixel/size.Col), int(size.Ypixel/size.Row))
}
