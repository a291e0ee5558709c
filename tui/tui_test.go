package tui

import (
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine/enginetest"
)

func TestFirstFrame(t *testing.T) {
	goldens(t, func() Options { return scripted(enginetest.Says("hello")) }, func(d *driver) { d.sees("Ministral 3 8B") })
}

func TestKeys(t *testing.T) {
	goldens(t, func() Options { return scripted(enginetest.Says("hello")) }, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.pressed("?")
	})
}

func TestSmallTerminal(t *testing.T) {
	d := drive(t, scripted(enginetest.Says("hello")), 80, 24)
	for _, size := range [][2]int{{29, 24}, {80, 7}, {1, 1}, {0, 0}, {5, 3}} {
		d.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
	}
	d.send(tea.WindowSizeMsg{Width: 28, Height: 7})
	d.sees("bise needs a larger window.")
	d.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	d.sees("Ask anything")
}

func TestQuit(t *testing.T) {
	d := drive(t, scripted(enginetest.Says("hello")), 80, 24)
	d.pressed("ctrl+c")
	d.until("quit", func() bool { return d.quit })
}
