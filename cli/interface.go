package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui"
)

// bise without a verb is the interface on a terminal, and help elsewhere.
func (a *app) noVerb(cmd *cobra.Command, _ []string) error {
	if !term.IsTerminal(a.stdin) || !a.out.Moves() && !(a.accessible && a.out.Terminal()) {
		return cmd.Help()
	}
	if err := a.begin(true); err != nil {
		return err
	}
	return a.showInterface(cmd.Context())
}

func (a *app) showInterface(ctx context.Context) error {
	defer a.lib.Close()
	o := a.interfaceOptions()
	o.Width, o.Height = a.out.Size()
	// Nothing but the interface writes to the terminal.
	a.progress.calm(true)
	a.quiet = true
	var err error
	if a.accessible {
		err = a.showLinear(ctx, o)
	} else {
		err = tui.Run(ctx, o, a.stdin, a.stdout, os.Environ(), !a.noColor)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// showLinear is the interface for screen readers. Ctrl-C is a key of its own
// there, as it is where the terminal is drawn on: it stops an answer first.
func (a *app) showLinear(ctx context.Context, o tui.Options) error {
	signal.Reset(os.Interrupt)
	keys := make(chan os.Signal, 1)
	signal.Notify(keys, os.Interrupt)
	defer signal.Stop(keys)
	return tui.RunPlain(ctx, o, a.stdin, a.stdout, keys)
}

// interfaceOptions wires the interface to what it works with.
func (a *app) interfaceOptions() tui.Options {
	folder, err := os.Getwd()
	if err != nil {
		folder = ""
	}
	sampling := library.Sampling(a.config.Sampling)
	o := tui.Options{
		Settings: a.config.Interface,
		Save:     func(i config.Interface) error { return config.SaveInterface(a.places.File(), i) },
		Open: func(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error) {
			all := library.LoadOptions(a.config)
			if o.Context > 0 {
				all.Context = o.Context
			}
			return a.lib.Open(ctx, ref, all)
		},
		Loaded:    library.Loaded,
		Models:    a.lib,
		Downloads: a.lib,
		Endpoints: a.lib,
		Changes:   change.List,
		History:   func() (*history.Store, error) { return history.Open(filepath.Join(a.places.Data, "history.db")) },
		Folder:    folder,
		Getenv:    os.Getenv,
	}
	o.Model, _ = a.lib.Choose(a.model)
	o.Sampling = sampling
	style, badStyle := a.loadStyle()
	o.Style = style
	o.Problem = errors.Join(a.configError, sampling.Check(), badStyle)
	return o
}
