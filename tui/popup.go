package tui

import (
	tea "charm.land/bubbletea/v2"
)

// A popup helps with a word that is being written. It lies above the composer.
type popup interface {
	// typed takes the word as it is by now.
	typed(word string) tea.Cmd
	// press takes the keys that choose; others go to the text.
	press(tea.KeyPressMsg) outcome
	view(width, height int) []string
}

// popupRows is the most that a popup has.
const popupRows = 8

// moved is where a key moves the choice among n; false when it does not.
func moved(k tea.KeyPressMsg, chosen, n int) (int, bool) {
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

// window is the first of n that is shown so that the chosen one is, in a height.
func window(chosen, n, height int) int {
	return max(0, min(chosen-height/2, n-height))
}
