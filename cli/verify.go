package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
)

func (a *app) verifyCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "verify [REF…]",
		Short: "Look whether a model's bytes are what they should be",
		Long: `Look whether a model's bytes are what they should be. All of them are read once. Of
a model whose hashes are known, from when it was fetched or imported, these are
compared. Of any other file it is checked that its head makes sense, that every
tensor is there, and that no number is infinite or not a number. The exit code is 1
when something is wrong.`,
		Example: `bise verify codestral ./model.gguf
bise verify --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 0) == !all {
				return &fault.Error{Kind: fault.Usage, Msg: "verify takes one model or more, or --all", Advice: "See bise verify --help."}
			}
			return a.verify(cmd.Context(), args, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every model that bise has")
	return cmd
}

func (a *app) verify(ctx context.Context, refs []string, all bool) error {
	list, err := a.toVerify(refs, all)
	if err != nil {
		return err
	}
	whole := true
	for i, m := range list {
		name := m.Name
		if !all {
			name = refs[i]
		}
		c, err := a.check(ctx, m)
		if err != nil {
			return err
		}
		whole = whole && c.OK
		if a.json {
			err = writeJSON(a.stdout, c)
		} else {
			err = a.tellChecked(name, m, c)
		}
		if err != nil {
			return err
		}
	}
	if len(list) == 0 {
		a.note("bise has no model yet.")
	}
	if !whole {
		return errNo
	}
	return nil
}

// toVerify are the models that are meant, those with problems among them.
func (a *app) toVerify(refs []string, all bool) ([]models.Model, error) {
	var list []models.Model
	if all {
		found, err := a.lib.Store().List()
		for _, m := range found {
			if m.Origin != models.Cached {
				list = append(list, m)
			}
		}
		return list, err
	}
	for _, ref := range refs {
		m, err := a.lib.Store().Lookup(ref)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// check reads all of a model.
func (a *app) check(ctx context.Context, m models.Model) (library.Verification, error) {
	line := amount{verb: "reading " + m.Name}
	a.progress.wait(line.line)
	defer a.progress.erase()
	return a.lib.Verify(ctx, m, func(done, total int64) { line.set(done, total, "") })
}

func (a *app) tellChecked(name string, m models.Model, c library.Verification) error {
	switch {
	case c.OK && c.Compared:
		_, err := fmt.Fprintf(a.stdout, "%s is as it was: %s, %s.\n", a.shown(name), plural(c.Files, "file"), size(c.Bytes))
		return err
	case c.OK:
		_, err := fmt.Fprintf(a.stdout, "%s is whole: %s, %s.\n", a.shown(name), plural(c.Tensors, "tensor"), size(c.Bytes))
		return err
	}
	for _, p := range c.Problems {
		what := a.shown(name) + ": "
		if p.Tensor != "" {
			what += a.shown(p.Tensor) + ": "
		}
		if _, err := fmt.Fprintf(a.stdout, "%s%s\n", what, a.shown(p.What)); err != nil {
			return err
		}
	}
	if advice := repair(m); advice != "" {
		a.note("%s", advice)
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
