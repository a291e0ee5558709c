package model

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/units"
)

const (
	// idleStage is how long an unfinished download may rest before nobody is
	// thought to resume it.
	idleStage = 7 * 24 * time.Hour
	// idleState is how long the saved state of a conversation is kept unused. It
	// can be computed again.
	idleState = 30 * 24 * time.Hour
)

// GC is the command bise gc.
func GC(con *console.Console, lib *library.Library) *cobra.Command {
	var dry, all bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove what nobody needs any more",
		Long: `Remove what nobody needs any more: removed models that are still in the trash,
downloads and imports that nobody has gone on with for a week, and saved states of
conversations that were not used for a month. What another bise works on stays, and
so do models.`,
		Example: "bise gc --dry-run",
		Args:    flags.Args(cobra.NoArgs, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			stage, state := idleStage, idleState
			if all {
				stage, state = 0, 0
			}
			return runGC(con, lib, dry, stage, state)
		},
	}
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "only tell what would be removed")
	cmd.Flags().BoolVar(&all, "all", false, "also what was changed a moment ago: unfinished downloads cannot be resumed")
	return cmd
}

func runGC(con *console.Console, lib *library.Library, dry bool, stage, state time.Duration) error {
	list, err := lib.Garbage(stage, state)
	if err != nil {
		return err
	}
	var sum int64
	rows := []models.Waste{}
	for _, w := range list {
		if !dry {
			if err := w.Remove(); err != nil {
				return err
			}
		}
		sum += w.Size
		rows = append(rows, w)
	}
	if con.JSON {
		return con.WriteJSON(rows)
	}
	t := &console.Table{}
	for _, w := range rows {
		t.Add(w.What, units.Size(w.Size), con.CleanOut(w.Path))
	}
	if err := con.Print(t); err != nil {
		return err
	}
	switch {
	case len(rows) == 0:
		con.Notef("There is nothing to remove.")
	case dry:
		con.Notef("Nothing is removed yet; %s would be free again.", units.Size(sum))
	default:
		con.Notef("%s are free again.", units.Size(sum))
	}
	return nil
}
