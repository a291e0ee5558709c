package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/units"
)

// List is the command bise list.
func List(con *console.Console, lib *library.Library) *cobra.Command {
	return &cobra.Command{
		Use:   "list [NAME]…",
		Short: "List the installed models",
		Long: `List the installed models, and those in the caches of Ollama, LM Studio and Hugging
Face, and which model each mode uses. bise uses models of other programs in place and
never changes them.`,
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
	unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(list, func(m library.Installed) bool { return m.Matches(name) })
	})
	var no error
	if len(unknown) > 0 {
		no = console.ErrNo
	}
	if con.JSON {
		return errors.Join(con.WriteJSON(list), no)
	}
	noteUnfinished(con, lib)
	for _, name := range unknown {
		con.Notef("No installed model matches %s.", name)
	}
	if len(list) == 0 && no != nil {
		return no
	}
	if len(list) == 0 {
		con.Notef("No models installed. Download one with bise pull; bise catalog lists them.")
	} else if err := con.Print(modelTable(con, list, time.Now())); err != nil {
		return err
	}
	if len(names) == 0 && (len(list) > 0 || len(lib.Endpoints()) > 0) {
		fmt.Fprintln(con.Stdout)
		if err := showChoices(con, lib); err != nil {
			return err
		}
	}
	for _, m := range list {
		if m.Problem != nil {
			con.Notef("%s cannot be used: %s", m.Name, fault.Sentence(m.Problem.Error()))
		}
	}
	return no
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
		con.Notef("%s:%s is incomplete%s. Continue with %s.", u.Plan.Name, u.Plan.Tag, how, u.Plan.Request.Command())
	}
}

func modelTable(con *console.Console, list []library.Installed, now time.Time) *console.Table {
	t := &console.Table{Head: []string{"NAME", "TYPE", "SIZE", "LICENCE", "USED", "CAN"}}
	// Most people have no other program's models, and need no column for them.
	elsewhere := slices.ContainsFunc(list, func(m library.Installed) bool { return m.Location() != "" })
	if elsewhere {
		t.Head = append(t.Head, "WHERE")
	}
	dash := func(s string) string { return cmp.Or(con.CleanOut(s), "–") }
	for _, m := range list {
		can := dash(library.AbilityText(m.Can))
		if m.Problem != nil {
			can = "cannot be used"
		}
		row := []string{con.CleanOut(m.Name), dash(m.Type), units.Size(m.Size), dash(m.Terms.Label()), lastUse(m, now), can}
		if elsewhere {
			row = append(row, con.CleanOut(m.Location()))
		}
		t.Add(row...)
	}
	return t
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
