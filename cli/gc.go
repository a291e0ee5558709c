package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/models"
)

const (
	// idleStage is how long an unfinished download may rest before nobody is
	// thought to resume it.
	idleStage = 7 * 24 * time.Hour
	// idleState is how long the saved state of a conversation is kept unused. It
	// can be computed again.
	idleState = 30 * 24 * time.Hour
)

func (a *app) gcCommand() *cobra.Command {
	var dry, all bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove what nobody needs any more",
		Long: `Remove what nobody needs any more: removed models that are still in the trash,
downloads and imports that nobody has gone on with for a week, and saved states of
conversations that were not used for a month. What another bise works on stays, and
so do models.`,
		Example: "bise gc --dry-run",
		Args:    arguments(cobra.NoArgs, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			stage, state := idleStage, idleState
			if all {
				stage, state = 0, 0
			}
			return a.gc(dry, stage, state)
		},
	}
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "only tell what would be removed")
	cmd.Flags().BoolVar(&all, "all", false, "also what was changed a moment ago: unfinished downloads cannot be resumed")
	return cmd
}

func (a *app) gc(dry bool, stage, state time.Duration) error {
	list, err := a.lib.Garbage(stage, state)
	if err != nil {
		return err
	}
	var sum int64
	rows := []models.Leftover{}
	for _, w := range list {
		if !dry {
			if err := w.Remove(); err != nil {
				return err
			}
		}
		sum += w.Size
		rows = append(rows, w)
	}
	if a.json {
		return writeJSON(a.stdout, rows)
	}
	t := &table{}
	for _, w := range rows {
		t.add(w.What, size(w.Size), a.shown(w.Path))
	}
	if err := a.print(t); err != nil {
		return err
	}
	switch {
	case len(rows) == 0:
		a.note("There is nothing to remove.")
	case dry:
		a.note("Nothing is removed yet; %s would be free again.", size(sum))
	default:
		a.note("%s are free again.", size(sum))
	}
	return nil
}
