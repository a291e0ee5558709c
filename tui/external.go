package tui

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A Terminal does what the terminal and the user's other programs are for: the
// clipboard, and editing in another editor.
type Terminal struct {
	Exec         func(*exec.Cmd, func(error) tea.Msg) tea.Cmd // runs a program in the terminal
	SetClipboard func(text string) tea.Cmd
	Getenv       func(string) string

	tasks *Tasks
}

// maxEdited is how much of an edited file is read, in bytes.
const maxEdited = 10_000_000

func newTerminal(tasks *Tasks, getenv func(string) string) *Terminal {
	return &Terminal{
		Exec:         func(c *exec.Cmd, done func(error) tea.Msg) tea.Cmd { return tea.ExecProcess(c, done) },
		SetClipboard: tea.SetClipboard, Getenv: getenv, tasks: tasks,
	}
}

// editorCommand is the person's own editor: $VISUAL, $EDITOR, else vi.
func (t *Terminal) editorCommand() string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if editor := t.Getenv(name); strings.TrimSpace(editor) != "" {
			return editor
		}
	}
	return "vi"
}

// inEditor opens the person's own editor with a text, in a file of a name that
// tells the editor what it is, and waits for its end.
func (t *Terminal) inEditor(name, text string, done func(text string, err error) tea.Msg) tea.Cmd {
	editor := t.editorCommand()
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
	return t.Exec(exec.CommandContext(t.tasks.Context(), words[0], append(words[1:], path)...), func(err error) tea.Msg {
		defer os.RemoveAll(dir)
		if err != nil {
			return done("", fmt.Errorf("cannot use %s: %w", editor, err))
		}
		f, err := os.Open(path)
		if err != nil {
			return done("", err)
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxEdited))
		return done(string(data), err)
	})
}
