package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/fit"
)

func (a *app) catalogCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "catalog [WORD]…",
		Short: "List the models there are, and what fits this machine",
		Long: `List the models there are, and what fits this machine. Words choose those that
have all of them in a name, the licence, or what they can do: chat, code, math,
vision, tools, embed, thinking; base and remote are words too.

A catalog.toml in the config folder changes and adds models.`,
		Example: "bise catalog\nbise catalog vision\nbise catalog --all --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.listCatalog(cmd.Context(), args, all || len(args) > 0)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that a newer one has replaced, and base models")
	return cmd
}

func (a *app) listCatalog(ctx context.Context, words []string, all bool) error {
	found, err := a.lib.Browse(ctx, words...)
	if err != nil {
		return err
	}
	h := a.lib.Machine(ctx)
	rows := found
	if !all {
		rows = slices.DeleteFunc(slices.Clone(found), func(e library.CatalogEntry) bool { return !e.Current() })
	}
	hidden := len(found) - len(rows)
	if a.json {
		return writeJSON(a.stdout, struct {
			Machine fit.Machine            `json:"machine"`
			Models  []library.CatalogEntry `json:"models"`
		}{h, append([]library.CatalogEntry{}, rows...)})
	}
	if len(rows) == 0 {
		a.note("The catalogue has no model with %s.", strings.Join(words, ", "))
		c, err := a.lib.Catalog()
		if err != nil {
			return err
		}
		if near := c.Similar(strings.Join(words, " ")); len(near) > 0 {
			a.note("Did you mean %s?", strings.Join(near, " or "))
		}
		return errNo
	}
	a.note("%s.", library.MachineLine(h))
	columns := 0
	if a.out.Terminal() {
		columns, _ = a.out.Size()
	}
	if err := a.print(catalogTable(rows, h, columns)); err != nil {
		return err
	}
	if hidden > 0 {
		a.note("%d older and base models are not shown; see them with --all.", hidden)
	}
	return nil
}

// catalogTable is the catalogue in so many columns; 0 is no limit. What matters most
// has room on the narrowest terminal: whether a model fits.
func catalogTable(rows []library.CatalogEntry, h fit.Machine, columns int) *table {
	const narrow = 56
	t := &table{head: []string{"MODEL", "SIZE", "HERE", "CAN", "LICENCE"}, right: []int{1}}
	if columns > 0 && columns < narrow {
		t = &table{head: []string{"MODEL", "HERE"}}
	}
	for _, r := range rows {
		cells := []string{r.Name, downloadSize(r), fitWords(r, h), r.AbilityText(), limits(r)}
		if len(t.head) == 2 {
			cells = []string{r.Name, fitWords(r, h)}
		}
		t.add(cells...)
	}
	return t
}

// downloadSize is the size of what a pull downloads.
func downloadSize(r library.CatalogEntry) string {
	switch {
	case r.Download == 0:
		return "–"
	case r.Fit.Rough:
		return "~" + size(r.Download)
	}
	return size(r.Download)
}

// limits are what the licence forbids.
func limits(r library.CatalogEntry) string {
	if r.Terms == nil {
		return ""
	}
	return r.Terms.Restrictions()
}

// fitWords say how a model fits this machine.
func fitWords(r library.CatalogEntry, h fit.Machine) string {
	switch {
	case r.Installed:
		return "installed"
	case !r.Local() && len(r.Remote) > 0:
		return "on a server only"
	case !r.Local():
		return "cannot run"
	case r.Fit == nil:
		return ""
	}
	return r.Fit.Describe(h, r.Recommended)
}
