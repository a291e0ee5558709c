package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine/worker"
)

func (a *app) psCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "ps",
		Short:       "List the models in memory",
		Args:        arguments(cobra.NoArgs, "no arguments"),
		Annotations: map[string]string{forgiving: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := worker.List(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return writeJSON(a.stdout, append([]worker.Status{}, list...))
			}
			if len(list) == 0 {
				a.note("No model is in memory. The first question to one loads it.")
				return nil
			}
			return a.print(workerTable(list, time.Now()))
		},
	}
}

func workerTable(list []worker.Status, now time.Time) *table {
	t := &table{head: []string{"MODEL", "PID", "MEMORY", "CONTEXT", "STATE", "LEAVES IN"}}
	for _, s := range list {
		memory, context, leaves := "–", "–", "–"
		if s.Memory > 0 {
			memory = size(s.Memory)
		}
		if s.Context > 0 {
			context = fmt.Sprintf("%s of %s", count(s.ContextUsed), count(s.Context))
		}
		if !s.LeavesAt.IsZero() {
			leaves = long(max(0, s.LeavesAt.Sub(now)))
		}
		state := string(s.State)
		switch s.State {
		case worker.Loading:
			state = fmt.Sprintf("loading %.0f %%", s.Loaded*100)
		case worker.Answering:
			state = fmt.Sprintf("answering %d", s.Requests)
		}
		t.add(s.Name, fmt.Sprint(s.PID), memory, context, state, leaves)
	}
	return t
}

func (a *app) stopCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "stop [REF]",
		Short: "Free the memory that a model takes",
		Long: `Free the memory that a model takes. Answers being written have ten seconds to
finish. Without REF, the only model in memory is meant.`,
		Example:     "bise stop codestral\nbise stop --all",
		Args:        arguments(cobra.MaximumNArgs(1), "at most one model"),
		Annotations: map[string]string{forgiving: "yes"},
		RunE: func(cmd *cobra.Command, args []string) error {
			ref := a.model
			if len(args) == 1 {
				ref = args[0]
			}
			if all && ref != "" {
				return usageErrorf("a model and --all exclude each other")
			}
			list, err := worker.List(cmd.Context())
			if !all {
				list, err = a.lib.Workers(cmd.Context(), ref)
			}
			if err != nil {
				return err
			}
			stopped, err := a.lib.Stop(cmd.Context(), list)
			if err != nil {
				return err
			}
			if a.json {
				return writeJSON(a.stdout, append([]worker.Status{}, stopped...))
			}
			for _, s := range stopped {
				a.note("%s is stopped.", s.Name)
			}
			if all && len(stopped) == 0 {
				a.note("No model is in memory.")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "stop all models")
	return cmd
}
