package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/bise-sh/bise/tui/plain"
)

// Run shows the interface on a terminal until the user quits or ctx ends. It always restores
// the terminal. colour reports whether the terminal has colours.
func Run(ctx context.Context, o Options, in io.Reader, out io.Writer, environ []string, colour bool) error {
	ctx, cancel := context.WithCancel(ctx)
	m := New(ctx, o)
	options := []tea.ProgramOption{tea.WithInput(in), tea.WithOutput(out), tea.WithEnvironment(environ)}
	if !colour {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	_, err := newProgram(ctx, m, options...).Run()
	cancel() // ends the answers, so that Close returns soon
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("show the interface: %w", err)
	}
	err = errors.Join(err, m.Close())
	for _, line := range m.models.Interrupted() {
		fmt.Fprintln(out, line)
	}
	return err
}

// RunPlain shows the interface line by line, for screen readers. interrupted
// reports Ctrl-C.
func RunPlain(ctx context.Context, o Options, in io.Reader, out io.Writer, interrupted <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	m := New(ctx, o)
	m.look.UseDefaultKeys()
	err := plain.Run(ctx, m, in, out, interrupted)
	cancel()
	err = errors.Join(err, m.Close())
	for _, line := range m.models.Interrupted() {
		fmt.Fprintln(out, line)
	}
	return err
}
