package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
)

// A fitting is what bise fit finds.
type fitting struct {
	Model   string      `json:"model"`
	Title   string      `json:"title,omitempty"`
	Machine fit.Machine `json:"machine"`
	Plans   []fit.Plan  `json:"plans"` // the largest first
	Best    *fit.Plan   `json:"best,omitempty"`

	get string // how to get the best; "" when it is here
}

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
	f := fitting{Machine: a.hardware(ctx)}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := a.planFor(&f, ref, o); err != nil {
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

// planFor plans the model that a REF names: one of the catalogue, or a file.
func (a *app) planFor(f *fitting, ref string, o engine.LoadOptions) error {
	c, err := a.catalog()
	if err != nil {
		return err
	}
	parsed, err := models.ParseRef(ref)
	if err != nil {
		return err
	}
	if parsed.Scheme == models.ByName {
		m, kind, err := c.Find(ref)
		if err == nil {
			return a.planCatalogued(f, m, kind, o)
		}
		if _, here := a.find(ref); here != nil {
			return err // the catalogue's advice is the better one
		}
	}
	m, err := a.find(ref)
	if err != nil {
		return err
	}
	file, err := gguf.Read(m.Path)
	if err != nil {
		return fault.Errorf(fault.BadModel, "cannot read %s: %w", m.Path, err)
	}
	var tower int64
	if info, err := os.Stat(m.Projector); err == nil {
		tower = info.Size()
	}
	p := fit.Installed(file, tower).On(f.Machine, o)
	f.Model, f.Plans, f.Best = m.Name, []fit.Plan{p}, &p
	return nil
}

func (a *app) planCatalogued(f *fitting, m catalog.Model, kind string, o engine.LoadOptions) error {
	if err := a.cannotRun(m); err != nil {
		return err
	}
	f.Model, f.Title = m.Name, m.Title
	whole, ok := fit.Catalogued(m)
	if !ok {
		return errors.New("the catalogue does not say how large " + m.Name + " is")
	}
	if kind != "" {
		named, err := whole.As(kind)
		if err != nil {
			return err
		}
		p := named.On(f.Machine, o)
		f.Plans, f.Best = []fit.Plan{p}, &p
	} else {
		plans, err := fit.At(whole, f.Machine, o, "")
		if err != nil {
			return err
		}
		best, err := whole.Best(f.Machine, o)
		if err != nil {
			return err
		}
		f.Plans, f.Best = plans, &best
	}
	f.get = "bise pull " + m.Name + ":" + strings.ToLower(f.Best.Type)
	return nil
}

func (a *app) tellFit(f fitting) error {
	a.note("%s.", machineLine(f.Machine))
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
		t.add(p.Type, size(p.Weights+p.Tower), context, compute, size(p.Need), longest, p.Words(f.Machine, false))
	}
	if err := a.print(t); err != nil {
		return err
	}
	a.note("%s", f.conclusion())
	return nil
}

// conclusion says what to do.
func (f fitting) conclusion() string {
	p := f.Best
	text := fmt.Sprintf("That is with a context of %s tokens, which grows when it has to.", count(p.Context))
	switch {
	case p.Verdict == fit.No:
		return text + " Choose a smaller model from bise catalog, or a server."
	case p.Verdict == fit.Tight && f.get != "":
		return fmt.Sprintf("%s Close other programs before you use it. Get it with %s.", text, f.get)
	case p.Verdict == fit.Tight:
		return text + " Close other programs before you use it, or stop other models with bise stop."
	case f.get != "" && len(f.Plans) == 1:
		return fmt.Sprintf("%s Get it with %s.", text, f.get)
	case f.get != "":
		return fmt.Sprintf("%s Best here is %s: %s.", text, p.Type, f.get)
	}
	return text
}
