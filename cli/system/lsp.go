package system

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/build"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/lsp"
	"github.com/bise-sh/bise/modes/code"
	"github.com/bise-sh/bise/render/term"
)

// What an editor waits for, and how long.
const (
	promptTime = 2 * time.Second // reading a prompt that is not warm
	writeTime  = 3 * time.Second
	idleTime   = time.Second // until the next prompt is read ahead
)

// LSP is the command bise lsp.
func LSP(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var (
		maxTokens int
		load      flags.Load
	)
	cmd := &cobra.Command{
		Use:   "lsp",
		Short: "Complete code in an editor",
		Long: `Complete code in an editor: a language server on standard input and output, started by
the editor. It offers inline completions (LSP 3.18), and ordinary completions to
editors without them. docs/editors.md explains how to set up Neovim, Vim, VS Code,
Helix, Emacs, Kakoune and Zed.`,
		Example: `bise lsp -m codestral`,
		Args:    flags.Args(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.AtLeastOne(cmd, "max-tokens", maxTokens); err != nil {
				return err
			}
			o, err := load.Options(conf)
			if err != nil {
				return err
			}
			if term.IsTerminal(con.Stdin) {
				con.Notef("This is for an editor, which starts it by itself; see docs/editors.md. Ctrl-D ends it.")
			}
			return runLSP(cmd.Context(), con, lib, flags.Model(cmd), o, maxTokens)
		},
	}
	cmd.Flags().IntVar(&maxTokens, "max-tokens", 0, "generate at most `N` tokens (default: 128)")
	load.Add(cmd)
	return cmd
}

func runLSP(ctx context.Context, con *console.Console, lib *library.Library, model string, load engine.LoadOptions, maxTokens int) error {
	o := code.Options{MaxTokens: maxTokens, Time: writeTime}
	if !lib.Choose("code", model).Remote {
		// What a server elsewhere computes costs money, or somebody else's time: it
		// is asked for what the person wants and nothing ahead.
		o.PromptTime, o.Idle, o.Speculate = promptTime, idleTime, true
	}
	done := make(chan error, 1)
	go func() {
		done <- lsp.Serve(ctx, con.Stdin, con.Stdout, lsp.Config{
			Open: func(ctx context.Context) (engine.Engine, error) {
				e, _, err := lib.OpenFor(ctx, "code", model, load)
				return e, err
			},
			Options: o, Version: build.Current().Version, Logger: slog.Default(),
		})
	}()
	select {
	case <-ctx.Done(): // standard input cannot be left; the process ends
		return context.Cause(ctx)
	case err := <-done:
		if errors.Is(err, lsp.ErrGone) {
			slog.Info("the editor is gone")
			return console.ErrNo // nobody is left to be told
		}
		return err
	}
}
