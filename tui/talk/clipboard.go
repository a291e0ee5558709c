package talk

import (
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
)

// clipboardRead brings what is on the system's clipboard.
type clipboardRead struct {
	to      string // the mode
	image   []byte
	text    string
	missing bool // there is no program that reads it
}

// pasteFromSystem reads the clipboard: an image if there is one, else its text.
func (c *composer) pasteFromSystem() tea.Cmd {
	ctx, terminal, to := c.tasks.Context(), c.terminal, c.mode
	return func() tea.Msg {
		if data, err := attach.ClipboardImage(ctx, terminal.Getenv); err == nil {
			return clipboardRead{to: to, image: data}
		}
		text, ok := terminal.ReadClipboard(ctx)
		return clipboardRead{to: to, text: text, missing: !ok}
	}
}
