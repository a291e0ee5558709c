package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui"
)

// canShowInterface reports whether the terminal can show the interface.
func canShowInterface(con *console.Console) bool {
	return term.IsTerminal(con.Stdin) && con.Out.Terminal()
}

// showInterface runs the interface. Nothing else writes to the terminal meanwhile.
func showInterface(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, configErr error, problems []config.Problem, places config.Places, model string) error {
	defer lib.Close()
	o := interfaceOptions(lib, conf, configErr, places, model)
	o.Problems = problems
	o.Width, o.Height = con.Out.Size()
	con.Silence()
	var err error
	if con.Accessible || !con.Out.Moves() {
		err = showLinear(ctx, con, o)
	} else {
		err = tui.Run(ctx, o, con.Stdin, con.Stdout, os.Environ(), !con.NoColor)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// showLinear is the interface for screen readers, and for terminals that cannot move their
// cursor, such as TERM=dumb. Ctrl-C is a key there, as in the other one: it stops an answer first.
func showLinear(ctx context.Context, con *console.Console, o tui.Options) error {
	signal.Reset(os.Interrupt)
	keys := make(chan os.Signal, 1)
	signal.Notify(keys, os.Interrupt)
	defer signal.Stop(keys)
	return tui.RunPlain(ctx, o, con.Stdin, con.Stdout, keys)
}

// interfaceOptions gives the interface what it works with.
func interfaceOptions(lib *library.Library, conf config.Config, configErr error, places config.Places, model string) tui.Options {
	folder, err := os.Getwd()
	if err != nil {
		folder = ""
	}
	sampling := library.Sampling(conf.Sampling)
	o := tui.Options{
		Settings: conf.Interface,
		Save:     func(i config.Interface) error { return config.SaveInterface(places.File(), i) },
		Open: func(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error) {
			all := library.LoadOptions(conf)
			if o.Context > 0 {
				all.Context = o.Context
			}
			return lib.Open(ctx, ref, all)
		},
		Loaded:    library.Loaded,
		Models:    lib,
		Downloads: lib,
		Endpoints: lib,
		Changes:   change.List,
		History:   func() (*history.Store, error) { return history.Open(filepath.Join(places.Data, "history.db")) },
		Folder:    folder,
		Getenv:    os.Getenv,
	}
	o.Choose = func(mode, ref string) library.Choice { return lib.Choose(mode, cmp.Or(ref, model)) }
	o.Sampling, o.System = sampling, conf.System
	style, styleErr := loadStyle(conf, places)
	o.Style = style
	o.Problem = errors.Join(configErr, sampling.Check(), styleErr)
	return o
}
