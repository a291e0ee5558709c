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

// framesPerSecond is how often the terminal is drawn at most. A key waits for the
// next frame, so twice as many as usual halve that wait.
const framesPerSecond = 120

// Run shows the interface on a terminal until the person leaves it or ctx ends.
// The terminal is given back in every case; colour says whether it has colours.
func Run(ctx context.Context, o Options, in io.Reader, out io.Writer, environ []string, colour bool) error {
	ctx, cancel := context.WithCancel(ctx)
	m := New(ctx, o)
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithEnvironment(environ), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond),
	}
	if !colour {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	_, err := tea.NewProgram(m, options...).Run()
	cancel() // answers end here, so that Close has nothing long to wait for
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("show the interface: %w", err)
	}
	err = errors.Join(err, m.Close())
	for _, line := range m.shelf.Interrupted() {
		fmt.Fprintln(out, line)
	}
	return err
}

// RunPlain shows the interface line by line, for screen readers. interrupted
// reports Ctrl-C.
func RunPlain(ctx context.Context, o Options, in io.Reader, out io.Writer, interrupted <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	m := New(ctx, o)
	err := plain.Run(ctx, m, in, out, interrupted)
	cancel()
	err = errors.Join(err, m.Close())
	for _, line := range m.shelf.Interrupted() {
		fmt.Fprintln(out, line)
	}
	return err
}
