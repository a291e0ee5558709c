package kit

import (
	tea "charm.land/bubbletea/v2"
)

// A Popup completes the word before the cursor. It is shown above the composer.
type Popup interface {
	// Typed sets the word.
	Typed(word string) tea.Cmd
	// Press handles the keys that choose; other keys go to the text.
	Press(tea.KeyPressMsg) Outcome
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

// FirstVisible returns the first visible row of n, so that the chosen one is visible.
func FirstVisible(chosen, n, height int) int {
	return max(0, min(chosen-height/2, n-height))
}
