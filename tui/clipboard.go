package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/modes/vision"
)

// clipboardRead brings what is on the system's clipboard.
type clipboardRead struct {
	to      string // the mode
	picture []byte
	text    string
	missing bool // no program can tell
}

// pasteFromSystem reads the clipboard: a picture if there is one, else its text.
func (c *composer) pasteFromSystem() tea.Cmd {
	ctx, terminal, to := c.tasks.Context(), c.terminal, c.mode
	return func() tea.Msg {
		if data, err := vision.Clipboard(ctx, terminal.Getenv); err == nil {
			return clipboardRead{to: to, picture: data}
		}
		text, ok := terminal.ReadClipboard(ctx)
		return clipboardRead{to: to, text: text, missing: !ok}
	}
}
