package model

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/fit"
)

// Catalog is the command bise catalog.
func Catalog(con *console.Console, lib *library.Library) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "catalog [WORD]…",
		Short: "List the known models and how they fit this machine",
		Long: `List the known models and how they fit this machine. WORDs select the models that have
all of them in a name, the licence or the abilities: chat, code, math, vision, tools,
embed, thinking; base and remote are words, too.

A catalog.toml in the config folder changes and adds models.`,
		Example: "bise catalog\nbise catalog vision\nbise catalog --all --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCatalog(cmd.Context(), con, lib, args, all || len(args) > 0)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "include base models and models with a newer version")
	return cmd
}

func runCatalog(ctx context.Context, con *console.Console, lib *library.Library, words []string, all bool) error {
	found, err := lib.Browse(ctx, words...)
	if err != nil {
		return err
	}
	h := lib.Machine(ctx)
	rows := found
	if !all {
		rows = slices.DeleteFunc(slices.Clone(found), func(e library.CatalogEntry) bool { return !e.Current() })
	}
	hidden := len(found) - len(rows)
	if con.JSON {
		return con.WriteJSON(struct {
			Machine fit.Machine            `json:"machine"`
			Models  []library.CatalogEntry `json:"models"`
		}{h, append([]library.CatalogEntry{}, rows...)})
	}
	if len(rows) == 0 {
		con.Notef("The catalogue has no model with %s.", strings.Join(words, ", "))
		c, err := lib.Catalog()
		if err != nil {
			return err
		}
		if near := c.Similar(strings.Join(words, " ")); len(near) > 0 {
			con.Notef("Did you mean %s?", strings.Join(near, " or "))
		}
		return console.ErrNo
	}
	con.Notef("%s.", library.MachineLine(h))
	columns := 0
	if con.Out.Terminal() {
		columns, _ = con.Out.Size()
	}
	if err := con.Print(catalogTable(rows, h, columns)); err != nil {
		return err
	}
	if hidden > 0 {
		con.Notef("%d older and base models are not shown; see them with --all.", hidden)
	}
	return nil
}

// catalogTable formats the catalogue in a number of columns; 0 means unlimited. A narrow
// table has only what matters most: whether a model fits.
func catalogTable(rows []library.CatalogEntry, h fit.Machine, columns int) *console.Table {
	const narrow = 56
	t := &console.Table{Head: []string{"MODEL", "SIZE", "HERE", "CAN", "LICENCE"}, Right: []int{1}}
	if columns > 0 && columns < narrow {
		t = &console.Table{Head: []string{"MODEL", "HERE"}}
	}
	for _, r := range rows {
		cells := []string{r.Name, cmp.Or(r.SizeText(), "–"), r.FitText(h), r.AbilityText(), r.Restrictions()}
		if len(t.Head) == 2 {
			cells = []string{r.Name, r.FitText(h)}
		}
		t.Add(cells...)
	}
	return t
}
