package tui

import (
	tea "charm.land/bubbletea/v2"
)

// A composer is where a message is written.
type composer struct {
	*desk
	editor
	placeholder string
	width, rows int // of the text
}

func newComposer(d *desk, placeholder string) *composer {
	return &composer{desk: d, placeholder: placeholder}
}

// resize gives the composer a width, and at most so many rows.
func (c *composer) resize(width, most int) {
	c.width = width
	c.editor.width = width
	c.rows = max(1, min(len(c.editor.rows()), most))
	c.scroll(c.rows)
}

// view draws the text beside the bar that marks it.
func (c *composer) view() (lines []string, cursor *tea.Cursor) {
	text, x, y := c.editor.view(c.rows)
	bar := c.theme.accent.Render("▍") + " "
	if c.text == "" {
		text = []string{c.theme.muted.Render(cut(c.placeholder, c.width))}
	}
	for _, line := range text {
		lines = append(lines, bar+line)
	}
	return lines, tea.NewCursor(x+2, y)
}
