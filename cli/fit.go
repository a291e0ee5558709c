package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/fit"
)

func (a *app) fitCommand() *cobra.Command {
	var load loadFlags
	cmd := &cobra.Command{
		Use:   "fit REF",
		Short: "Tell whether a model fits this machine, and how",
		Long: `Tell whether a model fits this machine: what it takes of memory, how long a context
can be, and how fast it would write. REF is a model of the catalogue, with or without
a type (codestral, mistral-nemo:q8_0), or one that is here. Exit code 1 says that it
does not fit.`,
		Example: "bise fit codestral\nbise fit mistral-nemo:q8_0 --context 32768 --kv-type q8_0",
		Args:    arguments(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := load.options(a.config)
			if err != nil {
				return err
			}
			return a.fit(cmd.Context(), args[0], o)
		},
	}
	load.add(cmd)
	return cmd
}

func (a *app) fit(ctx context.Context, ref string, o engine.LoadOptions) error {
	f, err := a.lib.Fit(ctx, ref, o)
	if err != nil {
		return err
	}
	if a.json {
		if err := writeJSON(a.stdout, f); err != nil {
			return err
		}
	} else if err := a.tellFit(f); err != nil {
		return err
	}
	if f.Best.Verdict == fit.No {
		return errNo
	}
	return nil
}

func (a *app) tellFit(f library.Fit) error {
	a.note("%s.", library.MachineLine(f.Machine))
	t := &table{head: []string{"TYPE", "WEIGHTS", "CONTEXT", "COMPUTE", "NEEDS", "GROWS TO", "HERE"}, right: []int{1, 2, 3, 4, 5}}
	for _, p := range f.Plans {
		longest := "–"
		if p.Longest > 0 {
			longest = count(p.Longest)
		}
		context, compute := size(p.KV), size(p.Compute)
		if p.Rough {
			context, compute, longest = "?", "?", "?"
		}
		t.add(p.Type, size(p.Weights+p.Projector), context, compute, size(p.Need), longest, p.Describe(f.Machine, false))
	}
	if err := a.print(t); err != nil {
		return err
	}
	a.note("%s", fitConclusion(f))
	return nil
}

// fitConclusion says what to do.
func fitConclusion(f library.Fit) string {
	p := f.Best
	text := fmt.Sprintf("That is with a context of %s tokens, which grows when it has to.", count(p.Context))
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
