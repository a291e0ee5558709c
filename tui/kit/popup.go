package kit

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A Popup completes the word before the cursor. It is shown above the composer.
type Popup interface {
	// Typed sets the word.
	Typed(word string) tea.Cmd
	// Press handles the keys that choose; other keys go to the text.
	Press(tea.KeyPressMsg) Outcome
	// Enter says what the key that sends does; "" if nothing is chosen.
	Enter() string
	View(width, height int) []string
}

// PopupRows is the maximum height of a popup.
const PopupRows = 8

// MoveChoice returns the choice among n after a key; false if the key does not move it.
func MoveChoice(k tea.KeyPressMsg, chosen, n int) (int, bool) {
	switch k.String() {
	case "up", "ctrl+p":
		chosen--
	case "down", "ctrl+n":
		chosen++
	default:
		return chosen, false
	}
	if n == 0 {
		return 0, true
	}
	return (chosen + n) % n, true
}

// ListPopup draws the n rows of a popup that fit a height, so that the chosen one is visible, and
// how many more there are.
func ListPopup(look *Look, chosen, n, height int, draw func(row int) string) []string {
	rows := n
	if n > height {
		rows = max(1, height-1)
	}
	top := firstVisible(chosen, n, rows)
	var lines []string
	for i := top; i < top+rows; i++ {
		lines = append(lines, draw(i))
	}
	if n > height && height > 1 {
		var more []string
		if top > 0 {
			more = append(more, fmt.Sprintf("↑ %d more", top))
		}
		if below := n - top - rows; below > 0 {
			more = append(more, fmt.Sprintf("↓ %d more", below))
		}
		lines = append(lines, "  "+look.Theme.Muted.Render(strings.Join(more, HintSeparator)))
	}
	return lines
}

// firstVisible returns the first visible row of n, so that the chosen one is visible.
func firstVisible(chosen, n, height int) int {
	return max(0, min(chosen-height/2, n-height))
}
