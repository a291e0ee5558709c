package system

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/units"
)

// PS is the command bise ps.
func PS(con *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:         "ps",
		Short:       "List the models in memory",
		Args:        flags.Args(cobra.NoArgs, "no arguments"),
		Annotations: flags.Mark(flags.Forgiving),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := worker.List(cmd.Context())
			if err != nil {
				return err
			}
			if con.JSON {
				return con.WriteJSON(append([]worker.Status{}, list...))
			}
			if len(list) == 0 {
				con.Notef("No model is in memory. The first question to one loads it.")
				return nil
			}
			return con.Print(workerTable(list, time.Now()))
		},
	}
}

func workerTable(list []worker.Status, now time.Time) *console.Table {
	t := &console.Table{Head: []string{"MODEL", "PID", "MEMORY", "CONTEXT", "STATE", "LEAVES IN"}}
	// Most users have one engine.
	several := slices.ContainsFunc(list, func(s worker.Status) bool { return s.Engine != "" })
	if several {
		t.Head = append(t.Head, "ENGINE")
	}
	for _, s := range list {
		memory, context, leaves := "–", "–", "–"
		if s.Memory > 0 {
			memory = units.Size(s.Memory)
		}
		if s.Context > 0 {
			context = fmt.Sprintf("%s of %s", units.Count(s.ContextUsed), units.Count(s.Context))
		}
		if !s.LeavesAt.IsZero() {
			leaves = units.Duration(max(0, s.LeavesAt.Sub(now)))
		}
		state := string(s.State)
		switch s.State {
		case worker.Loading:
			state = fmt.Sprintf("loading %.0f %%", s.Loaded*100)
		case worker.Answering:
			state = fmt.Sprintf("answering %d", s.Requests)
		}
		row := []string{s.Name, fmt.Sprint(s.PID), memory, context, state, leaves}
		if several {
			row = append(row, cmp.Or(s.Engine, "built-in"))
		}
		t.Add(row...)
	}
	return t
}

// Stop is the command bise stop.
func Stop(con *console.Console, lib *library.Library) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "stop [REF]…",
		Short: "Unload models from memory",
		Long: `Unload models from memory. Answers in progress have ten seconds to finish. Without REF,
the only model in memory is unloaded.`,
		Example:     "bise stop codestral\nbise stop --all",
		Annotations: flags.Mark(flags.Forgiving),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ref := flags.Model(cmd); ref != "" && len(args) == 0 {
				args = []string{ref}
			}
			if all && len(args) > 0 {
				return fault.Errorf(fault.Usage, "a model and --all are mutually exclusive")
			}
			list, err := worker.List(cmd.Context())
			if !all {
				list, err = lib.Workers(cmd.Context(), args...)
			}
			if err != nil {
				return err
			}
			stopped, err := lib.Stop(cmd.Context(), list)
			if err != nil {
				return err
			}
			if con.JSON {
				return con.WriteJSON(append([]worker.Status{}, stopped...))
			}
			for _, s := range stopped {
				con.Notef("%s is stopped.", s.Name)
			}
			if all && len(stopped) == 0 {
				con.Notef("No model is in memory.")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "unload all models")
	return cmd
}
