package model

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
)

// Use is the command bise use.
func Use(con *console.Console, lib *library.Library) *cobra.Command {
	var mode string
	var unset bool
	cmd := &cobra.Command{
		Use:   "use [REF]",
		Short: "Set the default model, or show which model each mode uses",
		Long: `Set the default model, or with --for the model of one mode. Without REF, show which
model each mode uses, and why: -m comes first, then $BISE_MODEL, then the mode's own
model, then the default, then the best installed model. The choice is stored in
config.toml.`,
		Example: "bise use\nbise use ministral-3-3b\nbise use codestral --for code",
		Args:    flags.Args(cobra.MaximumNArgs(1), "at most one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if mode != "" && !slices.Contains(config.Modes, mode) {
				return flags.Invalid("for", mode, config.Modes...)
			}
			ref := flags.Model(cmd)
			if len(args) == 1 {
				ref = args[0]
			}
			switch {
			case unset && ref != "":
				return fault.Errorf(fault.Usage, "a model and --unset are mutually exclusive")
			case !unset && ref == "" && mode != "":
				return fault.Advise(fault.Errorf(fault.Usage, "no model given for %s", mode), "Name one: bise use REF --for %s.", mode)
			case !unset && ref == "":
				return showChoices(con, lib)
			}
			return runUse(con, lib, mode, ref)
		},
	}
	cmd.Flags().StringVar(&mode, "for", "", "set the model of one `MODE`: "+strings.Join(config.Modes, ", "))
	cmd.Flags().BoolVar(&unset, "unset", false, "remove the setting")
	return cmd
}

func runUse(con *console.Console, lib *library.Library, mode, ref string) error {
	c, err := lib.Use(mode, ref)
	if err != nil {
		return err
	}
	if con.JSON {
		return showChoices(con, lib)
	}
	what := "the default"
	if mode != "" {
		what = "the model for " + mode
	}
	if c.Ref == "" {
		con.Notef("%s is not set any more.", strings.ToUpper(what[:1])+what[1:])
	} else {
		con.Notef("%s is %s.", c.Ref, what)
	}
	if os.Getenv("BISE_MODEL") != "" {
		con.Notef("BISE_MODEL is set and comes first.")
	}
	for _, g := range library.GroupChoices(lib.Choices()) {
		if g.Ref != c.Ref {
			con.Notef("%s: %s (%s).", strings.Join(g.Modes, ", "), g.Name(), g.Why)
		}
	}
	return nil
}

// showChoices prints which model each mode uses, and why.
func showChoices(con *console.Console, lib *library.Library) error {
	list := lib.Choices()
	if con.JSON {
		return con.WriteJSON(list)
	}
	return con.Print(choiceTable(con, list))
}

// choiceTable is a table of the models that modes use.
func choiceTable(con *console.Console, list []library.Choice) *console.Table {
	t := &console.Table{Head: []string{"MODE", "MODEL", "WHY"}}
	for _, g := range library.GroupChoices(list) {
		t.Add(strings.Join(g.Modes, ", "), con.CleanOut(g.Name()), con.CleanOut(g.Why))
	}
	return t
}
