package model

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/units"
)

// Verify is the command bise verify.
func Verify(con *console.Console, lib *library.Library) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "verify [REF…]",
		Short: "Verify the files of models",
		Long: `Verify the files of models. All bytes are read once. If checksums are known from the
download or import, they are compared. Otherwise bise checks the header, that every
tensor is complete, and that all numbers are finite. The exit code is 1 if something is
wrong.`,
		Example: `bise verify codestral ./model.gguf
bise verify --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == !all {
				return &fault.Error{Kind: fault.Usage, Msg: "verify takes one model or more, or --all", Advice: "See bise verify --help."}
			}
			return runVerify(cmd.Context(), con, lib, args, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "verify all installed models")
	return cmd
}

func runVerify(ctx context.Context, con *console.Console, lib *library.Library, refs []string, all bool) error {
	list, err := modelsToVerify(lib, refs, all)
	if err != nil {
		return err
	}
	whole := true
	for i, m := range list {
		name := m.Name
		if !all {
			name = refs[i]
		}
		c, err := verifyModel(ctx, con, lib, m)
		if err != nil {
			return err
		}
		whole = whole && c.OK
		if con.JSON {
			err = con.WriteJSON(c)
		} else {
			err = printVerification(con, name, m, c)
		}
		if err != nil {
			return err
		}
	}
	if len(list) == 0 {
		con.Notef("bise has no model yet.")
	}
	if !whole {
		return console.ErrNo
	}
	return nil
}

// modelsToVerify are the models that are meant, those with problems among them.
func modelsToVerify(lib *library.Library, refs []string, all bool) ([]models.Model, error) {
	var list []models.Model
	if all {
		found, err := lib.Store().List()
		for _, m := range found {
			if m.Origin != models.Cached {
				list = append(list, m)
			}
		}
		return list, err
	}
	for _, ref := range refs {
		m, err := lib.Store().Lookup(ref)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// verifyModel reads all of a model.
func verifyModel(ctx context.Context, con *console.Console, lib *library.Library, m models.Model) (library.Verification, error) {
	line := console.Counter{Verb: "reading " + m.Name}
	con.Wait(line.Line)
	defer con.Erase()
	return lib.Verify(ctx, m, func(done, total int64) { line.Set(done, total, "") })
}

func printVerification(con *console.Console, name string, m models.Model, c library.Verification) error {
	switch {
	case c.OK && c.Compared:
		_, err := fmt.Fprintf(con.Stdout, "%s is as it was: %s, %s.\n", con.CleanOut(name), units.Plural(c.Files, "file"), units.Size(c.Bytes))
		return err
	case c.OK:
		_, err := fmt.Fprintf(con.Stdout, "%s is whole: %s, %s.\n", con.CleanOut(name), units.Plural(c.Tensors, "tensor"), units.Size(c.Bytes))
		return err
	}
	for _, p := range c.Problems {
		what := con.CleanOut(name) + ": "
		if p.Tensor != "" {
			what += con.CleanOut(p.Tensor) + ": "
		}
		if _, err := fmt.Fprintf(con.Stdout, "%s%s\n", what, con.CleanOut(p.What)); err != nil {
			return err
		}
	}
	if advice := repair(m); advice != "" {
		con.Notef("%s", advice)
	}
	return nil
}

// repair is what to do about a damaged model.
func repair(m models.Model) string {
	switch {
	case errors.Is(m.Problem, models.ErrNewer):
		return "A newer bise installed it: use that one."
	case m.Origin == models.Cached:
		return fmt.Sprintf("%s fetched it: fetch it again there.", m.Program)
	case m.Manifest == nil:
		return ""
	case m.Manifest.Source.Ref != "":
		ref := m.Manifest.Source.Ref
		if r, err := models.ParseRef(ref); err == nil && r.Scheme == models.ByName && r.Tag == "" {
			ref += ":" + m.Manifest.Tag // it may have been chosen otherwise
		}
		return fmt.Sprintf("Get it again: bise pull %s --again.", ref)
	}
	return fmt.Sprintf("Remove it with bise rm %s, and import it again from a file that is whole.", m.Name)
}
