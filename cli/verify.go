package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/models/verify"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify REF…",
		Short: "Look whether a model's file is whole",
		Long: `Look whether a model's file is whole: that its head makes sense, that every tensor is
there, and that no number is infinite or not a number. The file is read once. The
exit code is 1 when something is wrong.`,
		Example: "bise verify codestral ./model.gguf",
		Args:    arguments(cobra.MinimumNArgs(1), "one model or more"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), args) },
	}
}

func (a *app) verify(ctx context.Context, refs []string) error {
	type checked struct {
		Path string `json:"path"`
		OK   bool   `json:"ok"`
		verify.Report
	}
	whole := true
	for _, ref := range refs {
		m, err := a.find(ref)
		if err != nil {
			return err
		}
		line := amount{verb: "reading " + m.Name}
		a.progress.wait(line.line)
		r, err := verify.Verify(ctx, m.Path, func(done, total int64) { line.set(done, total, "") })
		if err != nil {
			return err
		}
		a.progress.erase()
		ok := len(r.Problems) == 0
		whole = whole && ok
		if a.json {
			if err := writeJSON(a.stdout, checked{m.Path, ok, r}); err != nil {
				return err
			}
			continue
		}
		if ok {
			_, err = fmt.Fprintf(a.stdout, "%s is whole: %s, %s.\n", a.shown(ref), plural(r.Tensors, "tensor"), size(r.Bytes))
		} else {
			err = a.problems(ref, r)
		}
		if err != nil {
			return err
		}
	}
	if !whole {
		return errNo
	}
	return nil
}

func (a *app) problems(ref string, r verify.Report) error {
	for _, p := range r.Problems {
		what := a.shown(ref) + ": "
		if p.Tensor != "" {
			what += a.shown(p.Tensor) + ": "
		}
		if _, err := fmt.Fprintf(a.stdout, "%s%s\n", what, a.shown(p.What)); err != nil {
			return err
		}
	}
	return nil
}
