package model

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/units"
)

// List is the command bise list.
func List(con *console.Console, lib *library.Library) *cobra.Command {
	return &cobra.Command{
		Use:   "list [NAME]…",
		Short: "List the installed models",
		Long: `List the installed models, and those in the caches of Ollama, LM Studio and Hugging
Face. bise uses models of other programs in place and never changes them.`,
		Example:     "bise list\nbise list codestral --json",
		Annotations: flags.Mark(flags.Forgiving),
		RunE:        func(cmd *cobra.Command, args []string) error { return runList(cmd.Context(), con, lib, args) },
	}
}

func runList(ctx context.Context, con *console.Console, lib *library.Library, names []string) error {
	list, err := lib.Installed(ctx, names...)
	if err != nil {
		return err
	}
	if con.JSON {
		return con.WriteJSON(list)
	}
	noteUnfinished(con, lib)
	switch {
	case len(list) == 0 && len(names) > 0:
		con.Notef("No model on this machine is called so.")
		return nil
	case len(list) == 0:
		con.Notef("No model is on this machine. Get one with bise pull; see which there are with bise catalog.")
		return nil
	}
	if err := con.Print(modelTable(con, list, time.Now())); err != nil {
		return err
	}
	for _, m := range list {
		if m.Problem != nil {
			con.Notef("%s cannot be used: %s", m.Name, fault.Sentence(m.Problem.Error()))
		}
	}
	return nil
}

// noteUnfinished reports the pulls that are not finished.
func noteUnfinished(con *console.Console, lib *library.Library) {
	list, err := lib.Unfinished()
	if err != nil {
		return // the installed models are what was asked for
	}
	for _, u := range list {
		how := u.At.AmountText()
		if how != "" {
			how = ", " + how
		}
		con.Notef("%s:%s is not finished%s. Go on with %s.", u.Plan.Name, u.Plan.Tag, how, pullAgain(u.Plan.Request))
	}
}

func modelTable(con *console.Console, list []library.Installed, now time.Time) *console.Table {
	t := &console.Table{Head: []string{"NAME", "TYPE", "SIZE", "LICENCE", "USED", "CAN"}}
	// Most people have no other program's models, and need no column for them.
	elsewhere := slices.ContainsFunc(list, func(m library.Installed) bool { return location(m) != "" })
	if elsewhere {
		t.Head = append(t.Head, "WHERE")
	}
	dash := func(s string) string { return cmp.Or(con.CleanOut(s), "–") }
	for _, m := range list {
		can := dash(abilityWords(m.Can))
		if m.Problem != nil {
			can = "cannot be used"
		}
		row := []string{con.CleanOut(m.Name), dash(m.Type), units.Size(m.Size), dash(licenceMark(m)), lastUse(m, now), can}
		if elsewhere {
			row = append(row, con.CleanOut(location(m)))
		}
		t.Add(row...)
	}
	return t
}

// licenceMark is the licence in a few letters.
func licenceMark(m library.Installed) string {
	if m.Terms.ID == "" {
		return ""
	}
	return m.Terms.Label()
}

// lastUse says when a model was last used, and whether it is in memory.
func lastUse(m library.Installed, now time.Time) string {
	when := "–"
	if !m.Used.IsZero() {
		when = units.Ago(m.Used, now)
	}
	if len(m.Workers) == 0 {
		return when
	}
	if m.State == worker.Answering || m.State == worker.Loading {
		when = "now"
	}
	return when + ", loaded"
}

// location says which other program or folder has the files of a model.
func location(m library.Installed) string {
	switch m.Origin {
	case models.Cached:
		return m.Program
	case models.Registered:
		return m.Path
	}
	return ""
}

// abilityWords are abilities in one phrase.
func abilityWords(list []string) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = catalog.Ability(a).Word()
	}
	return strings.Join(words, " ")
}
