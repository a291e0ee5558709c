package model

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/units"
)

// Remove is the command bise rm.
func Remove(con *console.Console, lib *library.Library) *cobra.Command {
	return &cobra.Command{
		Use:   "rm REF…",
		Short: "Remove models",
		Long: `Remove models. The file of an imported model stays in its place. Models of Ollama, LM
Studio and the Hugging Face cache cannot be removed with bise.`,
		Example: "bise rm codestral\nbise rm mistral-nemo:q8_0",
		Args:    flags.Args(cobra.MinimumNArgs(1), "one model or more"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runRemove(cmd.Context(), con, lib, args) },
	}
}

func runRemove(ctx context.Context, con *console.Console, lib *library.Library, refs []string) error {
	type removed struct {
		Name  string `json:"name"`
		Path  string `json:"path"`
		Frees int64  `json:"frees_bytes"`
		Kept  bool   `json:"file_kept"` // it lies outside of the store
	}
	list, err := lib.Removable(refs...)
	if err != nil {
		return err
	}
	choices := lib.Choices()
	var rows []removed
	for _, m := range list {
		kept := m.Origin == models.Registered
		r, err := lib.Remove(ctx, m)
		if err != nil {
			return err
		}
		if err := r.Purge(); err != nil {
			return err
		}
		rows = append(rows, removed{m.Name, m.Path, r.Frees, kept})
		if con.JSON {
			continue
		}
		switch {
		case kept && gone(m.Path):
			con.Notef("%s is removed from the list. Its file was gone already.", m.Name)
		case kept && len(m.Adapters) > 0:
			con.Notef("%s is removed with its adapter. The weights stay: %s", m.Name, m.Path)
		case kept:
			con.Notef("%s is removed from the list. Its file stays: %s", m.Name, m.Path)
		case r.Frees == 0:
			con.Notef("%s is removed. Its bytes have another name and stay.", m.Name)
		default:
			con.Notef("%s is removed: %s are free again.", m.Name, units.Size(r.Frees))
		}
		if slices.ContainsFunc(choices, func(c library.Choice) bool { return c.Ref == m.Name && c.Source != library.Best }) {
			con.Notef("A setting names it. Choose another model with bise use.")
		}
	}
	if con.JSON {
		return con.WriteJSON(rows)
	}
	return nil
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
