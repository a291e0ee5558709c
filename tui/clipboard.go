package tui

import (
	"context"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/modes/vision"
)

// Copy is the command that puts a text on the clipboard: by the terminal
// (OSC 52), which also reaches over ssh, and by a program of the system where
// there is one, for terminals that do not.
func (t *Terminal) Copy(text string) tea.Cmd {
	return tea.Batch(t.SetClipboard(text), t.copyBySystem(text))
}

// clipboardTime is how long a program of the system's clipboard may take.
const clipboardTime = 2 * time.Second

func (t *Terminal) copyBySystem(text string) tea.Cmd {
	program := t.clipboardProgram(
		[]string{"wl-copy"}, []string{"xclip", "-selection", "clipboard"}, []string{"xsel", "-ib"},
		[]string{"pbcopy"}, []string{"clip.exe"})
	if program == nil {
		return nil
	}
	ctx := t.tasks.Context()
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(ctx, clipboardTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, program[0], program[1:]...)
		cmd.Stdin = strings.NewReader(text)
		cmd.Run() // the terminal was asked too
		return nil
	}
}

// clipboardProgram is the first program that can work here: for Wayland, for X
// twice, for macOS, for Windows. Over ssh the clipboard of the machine is not the
// person's.
func (t *Terminal) clipboardProgram(wayland, x, otherX, mac, windows []string) []string {
	var list [][]string
	switch {
	case t.Getenv("SSH_CONNECTION") != "":
	case runtime.GOOS == "darwin":
		list = [][]string{mac}
	case runtime.GOOS == "windows" || t.Getenv("WSL_DISTRO_NAME") != "":
		list = [][]string{windows}
	case t.Getenv("WAYLAND_DISPLAY") != "":
		list = [][]string{wayland}
	case t.Getenv("DISPLAY") != "":
		list = [][]string{x, otherX}
	}
	for _, program := range list {
		if len(program) > 0 {
			if _, err := exec.LookPath(program[0]); err == nil {
				return program
			}
		}
	}
	return nil
}

// clipboardRead brings what is on the system's clipboard.
type clipboardRead struct {
	to      string // the mode
	picture []byte
	text    string
	missing bool // no program can tell
}

// pasteFromSystem reads the clipboard: a picture if there is one, else its text.
func (c *composer) pasteFromSystem() tea.Cmd {
	text := c.terminal.clipboardProgram(
		[]string{"wl-paste", "--no-newline"}, []string{"xclip", "-selection", "clipboard", "-o"}, []string{"xsel", "-ob"},
		[]string{"pbpaste"}, []string{"powershell.exe", "-NoProfile", "-Command", "Get-Clipboard"})
	ctx, getenv, to := c.tasks.Context(), c.terminal.Getenv, c.mode
	return func() tea.Msg {
		if data, err := vision.Clipboard(ctx, getenv); err == nil {
			return clipboardRead{to: to, picture: data}
		}
		return clipboardRead{to: to, text: string(printed(ctx, text)), missing: text == nil}
	}
}

// printed is what a program prints, as far as it may be.
func printed(ctx context.Context, program []string) []byte {
	if program == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, clipboardTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, program[0], program[1:]...).Output()
	if err != nil || len(out) > maxAttached {
		return nil
	}
	return out
}

// unescaped is a URL's path without its escapes.
func unescaped(path string) string {
	if plain, err := url.PathUnescape(path); err == nil {
		return plain
	}
	return path
}
