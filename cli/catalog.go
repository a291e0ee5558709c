package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/licence"
)

// A cataloguedModel is a row of bise catalog.
type cataloguedModel struct {
	catalog.Model
	Terms       *licence.Licence `json:"terms,omitempty"`
	Download    int64            `json:"download_bytes,omitempty"` // of the usual type, its vision tower included
	Fit         *fit.Plan        `json:"fit,omitempty"`            // at the usual type, on this machine
	Installed   bool             `json:"installed"`
	Recommended bool             `json:"recommended"`
}

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

// catalog is what bise knows of models, with what the person has added.
func (a *app) catalog() (*catalog.Catalog, error) {
	c, problems, err := catalog.Load(filepath.Join(a.places.Config, "catalog.toml"))
	for _, p := range problems {
		a.note("%s", fault.Sentence(p))
	}
	return c, err
}

func (a *app) listCatalog(ctx context.Context, words []string, all bool) error {
	c, err := a.catalog()
	if err != nil {
		return err
	}
	h := a.hardware(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var rows []cataloguedModel
	hidden := 0
	best, _ := fit.Recommend(c.All(), h, engine.LoadOptions{})
	here := a.installedNames()
	for _, m := range c.Match(words...) {
		if !all && !m.Current() {
			hidden++
			continue
		}
		row := cataloguedModel{Model: m, Installed: here[m.Name], Recommended: m.Name == best.Name}
		if terms, ok := m.Terms(); ok {
			row.Terms = &terms
		}
		if whole, ok := fit.Catalogued(m); ok && m.Local() {
			usual, err := whole.As(catalog.DefaultType)
			if err != nil {
				return err
			}
			plan := usual.On(h, engine.LoadOptions{})
			row.Download, row.Fit = usual.Download(m), &plan
		}
		rows = append(rows, row)
	}
	if a.json {
		return writeJSON(a.stdout, struct {
			Machine fit.Machine       `json:"machine"`
			Models  []cataloguedModel `json:"models"`
		}{h, append([]cataloguedModel{}, rows...)})
	}
	if len(rows) == 0 {
		a.note("The catalogue has no model with %s.", strings.Join(words, ", "))
		if near := c.Near(strings.Join(words, " ")); len(near) > 0 {
			a.note("Did you mean %s?", strings.Join(near, " or "))
		}
		return errNo
	}
	a.note("%s.", machineLine(h))
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
func catalogTable(rows []cataloguedModel, h fit.Machine, columns int) *table {
	const narrow = 56
	t := &table{head: []string{"MODEL", "SIZE", "HERE", "CAN", "LICENCE"}, right: []int{1}}
	if columns > 0 && columns < narrow {
		t = &table{head: []string{"MODEL", "HERE"}}
	}
	for _, r := range rows {
		cells := []string{r.Name, r.size(), r.here(h), r.Words(), r.limits()}
		if len(t.head) == 2 {
			cells = []string{r.Name, r.here(h)}
		}
		t.add(cells...)
	}
	return t
}

// size is what is to be fetched.
func (r cataloguedModel) size() string {
	switch {
	case r.Download == 0:
		return "–"
	case r.Fit.Rough:
		return "~" + size(r.Download)
	}
	return size(r.Download)
}

// limits are what the licence forbids.
func (r cataloguedModel) limits() string {
	if r.Terms == nil {
		return ""
	}
	return r.Terms.Limits()
}

// here says how the model and this machine go together.
func (r cataloguedModel) here(h fit.Machine) string {
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
	return r.Fit.Words(h, r.Recommended)
}

// installedNames are the names of the catalogue whose models are here.
func (a *app) installedNames() map[string]bool {
	names := map[string]bool{}
	list, err := a.store().List()
	if err != nil {
		return names
	}
	for _, m := range list {
		if m.Manifest != nil {
			names[m.Manifest.Name] = true
		}
	}
	return names
}

// serverFor is how a model that does not run here is reached elsewhere: a REF, ""
// where there is none.
func (a *app) serverFor(m catalog.Model) string {
	if len(m.Remote) > 0 {
		return "plateforme/" + m.Remote[0]
	}
	if _, name, ok := strings.Cut(m.Repo, "/"); ok {
		return "lab/" + name
	}
	return ""
}

// cannotRun is the error of a model that this engine cannot run, with where else it
// may be found, or nil.
func (a *app) cannotRun(m catalog.Model) error {
	err := m.CannotRun()
	e, ok := errors.AsType[*fault.Error](err)
	if server := a.serverFor(m); ok && server != "" {
		name, _, _ := strings.Cut(server, "/")
		e.Advice = fmt.Sprintf("Use a server: name one endpoints.%s in %s, then bise ask -m %s.", name, a.places.File(), server)
		if _, ok := a.endpoints()[name]; ok {
			e.Advice = fmt.Sprintf("Use a server: bise ask -m %s.", server)
		}
	}
	return err
}
