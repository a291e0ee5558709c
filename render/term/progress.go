package term

import (
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/units"
)

// ProgressLine puts a progress bar between two texts if there is room for it. A share
// below 0 has no bar.
func ProgressLine(text string, share float64, after string, columns int) string {
	if after != "" {
		after = "  " + after
	}
	room := min(24, columns-ansi.StringWidth(text)-ansi.StringWidth(after)-1)
	if room < 4 || share < 0 {
		return text + after
	}
	return text + " " + units.Bar(share, room) + after
}
