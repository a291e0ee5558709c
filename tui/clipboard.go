package tui

import (
	"errors"
	"net/url"

	tea "charm.land/bubbletea/v2"
	"github.com/bise-sh/bise/attach"
)

// copied is the command that puts a text on the clipboard: by the terminal
// (OSC 52), which also reaches over ssh, and by a program of the system where
// there is one, for terminals that do not.
func (d *desk) copied(text string) tea.Cmd {
	return tea.Batch(d.copy(text), d.copyBySystem(text))
}

func (d *desk) copyBySystem(text string) tea.Cmd {
	write := attach.ClipboardWriter(d.options.Getenv)
	if write == nil {
		return nil
	}
	ctx := d.ctx
	return func() tea.Msg {
		_ = write(ctx, text) // the terminal was asked too
		return nil
	}
}

// clipboardRead brings what is on the system's clipboard.
type clipboardRead struct {
	to      *composer
	image   []byte
	text    string
	missing bool // there is no program that reads it
}

// pasteFromSystem reads the clipboard: an image if there is one, else its text.
func (c *composer) pasteFromSystem() tea.Cmd {
	ctx, getenv := c.ctx, c.options.Getenv
	return func() tea.Msg {
		if data, err := attach.ClipboardImage(ctx, getenv); err == nil {
			return clipboardRead{to: c, image: data}
		}
		text, err := attach.ClipboardText(ctx, getenv)
		return clipboardRead{to: c, text: text, missing: errors.Is(err, attach.ErrNoClipboard)}
	}
}

// unescaped is a URL's path without its escapes.
func unescaped(path string) string {
	if plain, err := url.PathUnescape(path); err == nil {
		return plain
	}
	return path
}
