package cli

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine"
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

func (a *app) lspCommand() *cobra.Command {
	var (
		maxTokens int
		load      loadFlags
	)
	cmd := &cobra.Command{
		Use:   "lsp",
		Short: "Complete code in an editor",
		Long: `Complete code in an editor: a language server on standard input and output, which
an editor starts. It gives inline completions (LSP 3.18) to editors that know them and
ordinary ones to all others. How to set up Neovim, Vim, VS Code, Helix, Emacs, Kakoune
and Zed is in docs/editors.md.`,
		Example: `bise lsp -m codestral`,
		Args:    arguments(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if maxTokens < 0 {
				return usageErrorf("--max-tokens must not be negative")
			}
			o, err := load.options(a.config)
			if err != nil {
				return err
			}
			if term.IsTerminal(a.stdin) {
				a.note("This is for an editor, which starts it by itself; see docs/editors.md. Ctrl-D ends it.")
			}
			return a.lsp(cmd.Context(), o, maxTokens)
		},
	}
	cmd.Flags().IntVar(&maxTokens, "max-tokens", 0, "write at most `N` tokens (default: 128)")
	load.add(cmd)
	return cmd
}

func (a *app) lsp(ctx context.Context, load engine.LoadOptions, maxTokens int) error {
	o := code.Options{MaxTokens: maxTokens, Time: writeTime}
	if !a.lib.IsRemote(a.model) {
		// What a server elsewhere computes costs money, or somebody else's time: it
		// is asked for what the person wants and nothing ahead.
		o.PromptTime, o.Idle, o.Speculate = promptTime, idleTime, true
	}
	done := make(chan error, 1)
	go func() {
		done <- lsp.Serve(ctx, a.stdin, a.stdout, lsp.Config{
			Open: func(ctx context.Context) (engine.Engine, error) {
				return a.lib.Open(ctx, a.model, load)
			},
			Options: o, Version: thisBuild().Version, Logger: slog.Default(),
		})
	}()
	select {
	case <-ctx.Done(): // standard input cannot be left; the process ends
		return context.Cause(ctx)
	case err := <-done:
		if errors.Is(err, lsp.ErrGone) {
			slog.Info("the editor is gone")
			return errNo // nobody is left to be told
		}
		return err
	}
}
