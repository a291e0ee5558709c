package tui

import (
	"github.com/bise-sh/bise/tui/kit"

	tea "charm.land/bubbletea/v2"
)

// A mode is a thing that bise can do, with a tab of its own.
type mode interface {
	kit.Screen
	// subject is what the mode is about, for the right end of the frame's first
	// line: usually the model.
	subject() string
	// using is the model that the mode works with, nil while it has none, and
	// useModel gives it another.
	using() *model
	useModel(ref string) tea.Cmd
	// commands are the mode's own, in the order in which they are listed.
	commands() []kit.Command
	// shown tells the mode that it is current again.
	shown() tea.Cmd
}

// modes are the names of the modes, in the order of their tabs.
var modes = []string{"chat", "review", "code", "math", "vision"}
