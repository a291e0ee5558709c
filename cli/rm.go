package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
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
	store := a.store()
	var list []models.Model
	for _, ref := range refs {
		m, err := store.Lookup(ref)
		if err != nil {
			return err
		}
		if err := m.Theirs(); err != nil {
			return err
		}
		if !m.Called(ref) {
			return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%q is not the whole name of a model", ref), Advice: fmt.Sprintf("Is it %s? To remove it, write that.", m.Name)}
		}
		list = append(list, m)
	}
	var rows []removed
	for _, m := range list {
		kept := m.Origin == models.Registered
		if !kept {
			if err := a.unload(ctx, m); err != nil {
				return err
			}
		}
		r, err := store.Remove(m)
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

// unload ends the workers that have a model: its bytes stay on the disk as long as
// somebody has them, and on Windows their names, too.
func (a *app) unload(ctx context.Context, m models.Model) error {
	stopped, err := worker.Stop(ctx, stopGrace, func(s worker.Status) bool { return s.Path == m.Path })
	if err != nil {
		return err
	}
	if len(stopped) > 0 {
		a.note("%s was in memory and is stopped.", m.Name)
	}
	return nil
}
