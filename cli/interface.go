package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/answer"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/cli/past"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui"
)

// A start is what bise without a command does: it opens the interface or, where none can
// be shown, answers what is piped in.
type start struct {
	con       *console.Console
	lib       *library.Library
	conf      config.Config
	configErr error
	places    config.Places
	history   *past.Opener
	problems  *[]config.Problem // of config.toml, to report
	shown     []config.Problem  // of these, in the interface

	model     string
	files     []string
	continues bool // the last conversation
}

func (s *start) run(cmd *cobra.Command, prepare func(forgive bool) error) error {
	ctx := cmd.Context()
	keyboard := openKeyboard(s.con)
	if keyboard != nil && keyboard != s.con.Stdin {
		defer keyboard.Close()
	}
	if keyboard != nil { // the interface shows them
		s.shown, *s.problems = *s.problems, nil
	}
	if err := prepare(keyboard != nil); err != nil {
		return err
	}
	attached, err := input.Files(ctx, s.con, input.New(s.con), s.files, true)
	switch {
	case err != nil:
		return err
	case len(attached) == 0 && !s.continues && (keyboard == nil || s.con.Piped()):
		return cmd.Help()
	case keyboard == nil:
		return answer.Attachments(ctx, s.con, s.lib, s.conf, s.history, s.model, attached, s.continues)
	}
	return s.show(ctx, keyboard, attached)
}

// openKeyboard returns where the user types if the interface can be shown, or nil. If
// stdin is piped in, that is the terminal itself.
func openKeyboard(con *console.Console) io.ReadCloser {
	if !con.Out.Terminal() {
		return nil
	}
	if stdin, ok := con.Stdin.(*os.File); ok && term.IsTerminal(stdin) {
		return stdin
	}
	keyboard, err := term.OpenKeyboard()
	if err != nil {
		return nil
	}
	return keyboard
}

// show runs the interface. Nothing else writes to the terminal meanwhile. A terminal that
// cannot redraw gets it line by line.
func (s *start) show(ctx context.Context, keyboard io.Reader, attached []attach.Attachment) error {
	con := s.con
	defer s.lib.Close()
	o := interfaceOptions(s.lib, s.conf, s.configErr, s.places, s.model)
	o.Problems = s.shown
	o.Attached, o.Continue, o.ModelNamed = attached, s.continues, s.model != ""
	o.Width, o.Height = con.Out.Size()
	con.Silence()
	var err error
	if con.Accessible || !con.Out.Moves() {
		err = showLinear(ctx, con, keyboard, o)
	} else {
		err = tui.Run(ctx, o, keyboard, con.Stdout, os.Environ(), !con.NoColor)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// showLinear is the interface for screen readers, and for terminals that cannot move their
// cursor, such as TERM=dumb. Ctrl-C is a key there, as in the other one: it stops an answer first.
func showLinear(ctx context.Context, con *console.Console, keyboard io.Reader, o tui.Options) error {
	signal.Reset(os.Interrupt)
	keys := make(chan os.Signal, 1)
	signal.Notify(keys, os.Interrupt)
	defer signal.Stop(keys)
	return tui.RunPlain(ctx, o, keyboard, con.Stdout, keys)
}

// interfaceOptions gives the interface what it works with.
func interfaceOptions(lib *library.Library, conf config.Config, configErr error, places config.Places, model string) tui.Options {
	folder, err := os.Getwd()
	if err != nil {
		folder = ""
	}
	sampling := library.Sampling(conf.Sampling)
	o := tui.Options{
		Settings: conf.Interface, Effort: conf.Sampling.ReasoningEffort,
		Save: func(i config.Interface) error { return config.SaveInterface(places.File(), i) },
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
	if conf.History != nil && !*conf.History {
		o.History = nil // conversations are kept until the interface is left
	}
	o.Choose = func(mode, ref string) library.Choice { return lib.Choose(mode, cmp.Or(ref, model)) }
	o.Sampling, o.System = sampling, conf.System
	style, styleErr := loadStyle(conf, places)
	o.Style = style
	o.Problem = errors.Join(configErr, sampling.Check(), styleErr)
	return o
}
