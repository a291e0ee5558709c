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
	// idleStage is how long an unfinished download is kept.
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
		Short: "Remove unused files",
		Long: `Remove unused files: removed models in the trash, unfinished downloads
and imports older than a week, and saved states of conversations that were not used for
a month. Models, and files that another bise works on, stay.`,
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
	cmd.Flags().BoolVar(&dry, "dry-run", false, "print what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&all, "all", false, "include recent files: unfinished downloads cannot be resumed then")
	return cmd
}

func runGC(con *console.Console, lib *library.Library, dry bool, stage, state time.Duration) error {
	list, err := lib.Garbage(stage, state)
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
