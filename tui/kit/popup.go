package kit

import (
	tea "charm.land/bubbletea/v2"
)

// A Popup helps with a word that is being written. It lies above the composer.
type Popup interface {
	// Typed takes the word as it is by now.
	Typed(word string) tea.Cmd
	// Press takes the keys that choose; others go to the text.
	Press(tea.KeyPressMsg) Outcome
	View(width, height int) []string
}

// PopupRows is the most that a popup has.
const PopupRows = 8

// MoveChoice is where a key moves the choice among n; false when it does not.
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

// FirstVisible is the first of n that is shown so that the chosen one is, in a height.
func FirstVisible(chosen, n, height int) int {
	return max(0, min(chosen-height/2, n-height))
}
