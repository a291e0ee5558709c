package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/models"
)

func (a *app) rmCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm REF…",
		Short: "Remove models from this machine",
		Long: `Remove models from this machine. Of an imported model only what bise knows of it is
removed; the file stays where it lies. What Ollama, LM Studio or the Hugging Face
cache have is theirs and not removed.`,
		Example: "bise rm codestral\nbise rm mistral-nemo:q8_0",
		Args:    arguments(cobra.MinimumNArgs(1), "one model or more"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.rm(cmd.Context(), args) },
	}
}

func (a *app) rm(ctx context.Context, refs []string) error {
	type removed struct {
		Name  string `json:"name"`
		Path  string `json:"path"`
		Frees int64  `json:"frees_bytes"`
		Kept  bool   `json:"file_kept"` // it lies outside of the store
	}
	list, err := a.lib.Removable(refs...)
	if err != nil {
		return err
	}
	var rows []removed
	for _, m := range list {
		kept := m.Origin == models.Registered
		r, err := a.lib.Remove(ctx, m)
		if err != nil {
			return err
		}
		if err := r.Purge(); err != nil {
			return err
		}
		rows = append(rows, removed{m.Name, m.Path, r.Frees, kept})
		if a.json {
			continue
		}
		switch {
		case kept && gone(m.Path):
			a.note("%s is removed from the list. Its file was gone already.", m.Name)
		case kept:
			a.note("%s is removed from the list. Its file stays: %s", m.Name, m.Path)
		case r.Frees == 0:
			a.note("%s is removed. Its bytes have another name and stay.", m.Name)
		default:
			a.note("%s is removed: %s are free again.", m.Name, size(r.Frees))
		}
	}
	if a.json {
		return writeJSON(a.stdout, rows)
	}
	return nil
}

func gone(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
