package tui

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/bise-sh/bise/attach"
)

// editorCommand is the person's own editor: $VISUAL, $EDITOR, else vi.
func (d *desk) editorCommand() string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if editor := d.options.Getenv(name); strings.TrimSpace(editor) != "" {
			return editor
		}
	}
	return "vi"
}

// inEditor opens the person's own editor with a text, in a file of a name that
// tells the editor what it is, and waits for its end.
func (d *desk) inEditor(name, text string, done func(text string, err error) tea.Msg) tea.Cmd {
	editor := d.editorCommand()
	fail := func(err error) tea.Cmd {
		return func() tea.Msg { return done("", fmt.Errorf("cannot open %s: %w", editor, err)) }
	}
	dir, err := os.MkdirTemp("", "bise-")
	if err != nil {
		return fail(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fail(errors.Join(err, os.RemoveAll(dir)))
	}
	words := strings.Fields(editor)
	return d.exec(exec.CommandContext(d.ctx, words[0], append(words[1:], path)...), func(err error) tea.Msg {
		defer os.RemoveAll(dir)
		if err != nil {
			return done("", fmt.Errorf("cannot use %s: %w", editor, err))
		}
		f, err := os.Open(path)
		if err != nil {
			return done("", err)
		}
		defer f.Close()
		data, err := attach.ReadAll(d.ctx, f, attach.MaxText)
		if err != nil {
			return done("", attach.ReadError(name, err))
		}
		text, _, err := attach.Decode(name, data)
		return done(text, err)
	})
}
