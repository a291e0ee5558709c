package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
)

// A mode is a thing that bise can do, with a tab of its own.
type mode interface {
	kit.Screen
	// Subject is what the mode is about, for the right end of the frame's first
	// line: usually the model.
	Subject() string
	// Using is the model that the mode works with, nil while it has none, and
	// UseModel gives it another.
	Using() *engines.Model
	UseModel(ref string) tea.Cmd
	// Commands are the mode's own, in the order in which they are listed.
	Commands() []kit.Command
	// Shown tells the mode that it is current again.
	Shown() tea.Cmd
}

// modes are the names of the modes, in the order of their tabs.
var modes = []string{"chat", "review", "code", "math", "vision"}
