package model

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/units"
)

// Fit is the command bise fit.
func Fit(con *console.Console, lib *library.Library, conf config.Config) *cobra.Command {
	var load flags.Load
	cmd := &cobra.Command{
		Use:   "fit REF",
		Short: "Check if a model fits this machine",
		Long: `Check if a model fits this machine: how much memory it needs, how long the context can
be, and how fast it would be. REF is a model of the catalogue, with or without a type
(codestral, mistral-nemo:q8_0), or an installed one. The exit code is 1 if it does not
fit.`,
		Example: "bise fit codestral\nbise fit mistral-nemo:q8_0 --context 32768 --kv-type q8_0",
		Args:    flags.Args(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := load.Options(conf)
			if err != nil {
				return err
			}
			return runFit(cmd.Context(), con, lib, args[0], o)
		},
	}
	load.Add(cmd)
	return cmd
}

func runFit(ctx context.Context, con *console.Console, lib *library.Library, ref string, o engine.LoadOptions) error {
	f, err := lib.Fit(ctx, ref, o)
	if err != nil {
		return err
	}
	if con.JSON {
		if err := con.WriteJSON(f); err != nil {
			return err
		}
	} else if err := printFit(con, f); err != nil {
		return err
	}
	if f.Best.Verdict == fit.No {
		return console.ErrNo
	}
	return nil
}

func printFit(con *console.Console, f library.Fit) error {
	con.Notef("%s.", library.MachineLine(f.Machine))
	t := &console.Table{Head: []string{"TYPE", "WEIGHTS", "CONTEXT", "COMPUTE", "NEEDS", "GROWS TO", "HERE"}, Right: []int{1, 2, 3, 4, 5}}
	for _, p := range f.Plans {
		longest := "–"
		if p.Longest > 0 {
			longest = units.Count(p.Longest)
		}
		context, compute := units.Size(p.KV), units.Size(p.Compute)
		if p.Rough {
			context, compute, longest = "?", "?", "?"
		}
		t.Add(p.Type, units.Size(p.Weights+p.Projector), context, compute, units.Size(p.Need), longest, p.Describe(f.Machine, false))
	}
	if err := con.Print(t); err != nil {
		return err
	}
	con.Notef("%s", fitConclusion(f))
	return nil
}

// fitConclusion says what to do.
func fitConclusion(f library.Fit) string {
	p := f.Best
	text := fmt.Sprintf("With a context of %s tokens, which grows when needed.", units.Count(p.Context))
	switch {
	case p.Verdict == fit.No:
		return text + " Choose a smaller model from bise catalog, or a server."
	case p.Verdict == fit.Tight && f.Pull != "":
		return fmt.Sprintf("%s Close other programs before you use it. Get it with %s.", text, "bise pull "+f.Pull)
	case p.Verdict == fit.Tight:
		return text + " Close other programs before you use it, or stop other models with bise stop."
	case f.Pull != "" && len(f.Plans) == 1:
		return fmt.Sprintf("%s Get it with %s.", text, "bise pull "+f.Pull)
	case f.Pull != "":
		return fmt.Sprintf("%s Best here is %s: %s.", text, p.Type, "bise pull "+f.Pull)
	}
	return text
}
