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

// copied is the command that puts a text on the clipboard: by the terminal
// (OSC 52), which also reaches over ssh, and by a program of the system where
// there is one, for terminals that do not.
func (d *desk) copied(text string) tea.Cmd {
	return tea.Batch(d.copy(text), d.copyBySystem(text))
}

// clipboardTime is how long a program of the system's clipboard may take.
const clipboardTime = 2 * time.Second

func (d *desk) copyBySystem(text string) tea.Cmd {
	program := d.clipboardProgram(
		[]string{"wl-copy"}, []string{"xclip", "-selection", "clipboard"}, []string{"xsel", "-ib"},
		[]string{"pbcopy"}, []string{"clip.exe"})
	if program == nil {
		return nil
	}
	ctx := d.ctx
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
func (d *desk) clipboardProgram(wayland, x, otherX, mac, windows []string) []string {
	var list [][]string
	switch {
	case d.options.Getenv("SSH_CONNECTION") != "":
	case runtime.GOOS == "darwin":
		list = [][]string{mac}
	case runtime.GOOS == "windows" || d.options.Getenv("WSL_DISTRO_NAME") != "":
		list = [][]string{windows}
	case d.options.Getenv("WAYLAND_DISPLAY") != "":
		list = [][]string{wayland}
	case d.options.Getenv("DISPLAY") != "":
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
	to      *composer
	picture []byte
	text    string
	missing bool // no program can tell
}

// pasteFromSystem reads the clipboard: a picture if there is one, else its text.
func (c *composer) pasteFromSystem() tea.Cmd {
	text := c.clipboardProgram(
		[]string{"wl-paste", "--no-newline"}, []string{"xclip", "-selection", "clipboard", "-o"}, []string{"xsel", "-ob"},
		[]string{"pbpaste"}, []string{"powershell.exe", "-NoProfile", "-Command", "Get-Clipboard"})
	ctx, getenv := c.ctx, c.options.Getenv
	return func() tea.Msg {
		if data, err := vision.Clipboard(ctx, getenv); err == nil {
			return clipboardRead{to: c, picture: data}
		}
		return clipboardRead{to: c, text: string(printed(ctx, text)), missing: text == nil}
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
