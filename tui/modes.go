package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
)

// A mode is a screen with a tab.
type mode interface {
	kit.Screen
	// Subject returns the text at the right end of the first line: usually the model.
	Subject() string
	// Using returns the mode's model, or nil. UseModel changes it.
	Using() *engines.Model
	UseModel(ref string) tea.Cmd
	// Commands returns the mode's commands in the order in which they are listed.
	Commands() []kit.Command
	// Shown is called when the mode becomes current.
	Shown() tea.Cmd
}

// modes has the names of the modes in the order of their tabs.
var modes = []string{"chat", "review", "code", "math", "vision"}
