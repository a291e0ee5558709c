package talk

import (
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
)

// clipboardRead has the contents of the system clipboard.
type clipboardRead struct {
	to      string // mode
	image   []byte
	text    string
	missing bool // no program can read the clipboard
}

// pasteFromSystem reads the clipboard: an image if it has one, else its text.
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
