// Package terminal has the clipboard and the user's editor.
package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/tui/kit"
)

// A Terminal copies, pastes and opens the user's editor.
type Terminal struct {
	Exec         func(*exec.Cmd, func(error) tea.Msg) tea.Cmd // runs a program in the terminal
	SetClipboard func(text string) tea.Cmd
	Getenv       func(string) string

	tasks *kit.Tasks
}

// New returns a Terminal that uses Bubble Tea's.
func New(tasks *kit.Tasks, getenv func(string) string) *Terminal {
	return &Terminal{
		Exec:         func(c *exec.Cmd, done func(error) tea.Msg) tea.Cmd { return tea.ExecProcess(c, done) },
		SetClipboard: tea.SetClipboard, Getenv: getenv, tasks: tasks,
	}
}

// editorCommand returns the user's editor: $VISUAL, $EDITOR, else vi.
func (t *Terminal) editorCommand() string {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if editor := t.Getenv(name); strings.TrimSpace(editor) != "" {
			return editor
		}
	}
	return "vi"
}

// EditText is a command that opens the user's editor with text, in a temporary file with a
// name. done gets the edited text.
func (t *Terminal) EditText(name, text string, done func(text string, err error) tea.Msg) tea.Cmd {
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
			return done("", fmt.Errorf("cannot run %s: %w", editor, err))
		}
		f, err := os.Open(path)
		if err != nil {
			return done("", err)
		}
		defer f.Close()
		data, err := attach.ReadAll(t.tasks.Context(), f, attach.MaxText)
		if err != nil {
			return done("", attach.ReadError(name, err))
		}
		text, _, err := attach.Decode(name, data)
		return done(text, err)
	})
}

// EditFile is a command that opens a file in the user's editor, at a line.
func (t *Terminal) EditFile(path string, line int, done func(error) tea.Msg) tea.Cmd {
	command := atLine(t.editorCommand(), path, line)
	return t.Exec(exec.CommandContext(t.tasks.Context(), command[0], command[1:]...), func(err error) tea.Msg {
		if err != nil {
			err = fmt.Errorf("cannot run %s: %w", command[0], err)
		}
		return done(err)
	})
}

// atLine returns the command that opens a file at a line.
func atLine(editor, file string, line int) []string {
	command := strings.Fields(editor)
	position := fmt.Sprintf("%s:%d", file, line)
	switch strings.TrimSuffix(filepath.Base(command[0]), ".exe") {
	case "code", "code-insiders", "codium", "cursor":
		return append(command, "--goto", position)
	case "hx", "helix", "zed", "subl", "micro":
		return append(command, position)
	}
	return append(command, fmt.Sprintf("+%d", line), file)
}

// Copy is a command that copies text to the clipboard: through the terminal (OSC 52), which
// works over ssh, and with a system program for terminals without OSC 52.
func (t *Terminal) Copy(text string) tea.Cmd {
	return tea.Batch(t.SetClipboard(text), t.copyBySystem(text))
}

func (t *Terminal) copyBySystem(text string) tea.Cmd {
	write := attach.ClipboardWriter(t.Getenv)
	if write == nil {
		return nil
	}
	ctx := t.tasks.Context()
	return func() tea.Msg {
		_ = write(ctx, text) // the terminal was asked too
		return nil
	}
}

// ReadClipboard returns the text on the system's clipboard. ok is false when no
// program can read it.
func (t *Terminal) ReadClipboard(ctx context.Context) (text string, ok bool) {
	text, err := attach.ClipboardText(ctx, t.Getenv)
	return text, !errors.Is(err, attach.ErrNoClipboard)
}
