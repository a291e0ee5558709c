package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
)

// stopGrace is how long answers being written may go on when a worker is told to
// stop.
const stopGrace = 10 * time.Second

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
			if err != nil {
				return err
			}
			if !all {
				if list, err = a.meant(list, ref); err != nil {
					return err
				}
			}
			stopped, err := worker.Stop(cmd.Context(), stopGrace, among(list))
			if err != nil {
				return err
			}
			if a.json {
				return writeJSON(a.stdout, append([]worker.Status{}, stopped...))
			}
			for _, s := range stopped {
				a.note("%s is stopped.", s.Name)
			}
			if len(stopped) == 0 {
				a.note("No model is in memory.")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "stop all models")
	return cmd
}

// meant picks the workers that ref names: by name, its beginning, or the path of
// the model's file.
func (a *app) meant(list []worker.Status, ref string) ([]worker.Status, error) {
	if ref == "" {
		if len(list) > 1 {
			return nil, &fault.Error{
				Kind:   fault.Usage,
				Msg:    fmt.Sprintf("%d models are in memory", len(list)),
				Advice: fmt.Sprintf("Say which (%s), or stop them with --all.", loaded(list)),
			}
		}
		return list, nil
	}
	path := ref
	if m, err := a.find(ref); err == nil {
		path = m.Path
	}
	var exact, begin []worker.Status
	for _, s := range list {
		switch {
		case s.Path == path, strings.EqualFold(s.Name, ref):
			exact = append(exact, s)
		case strings.HasPrefix(strings.ToLower(s.Name), strings.ToLower(ref)):
			begin = append(begin, s)
		}
	}
	if len(exact) > 0 {
		return exact, nil
	}
	if len(begin) > 1 {
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%q is the beginning of %d models in memory", ref, len(begin)), Advice: "Write more of the name: " + loaded(begin) + "."}
	}
	if len(begin) == 0 && len(list) > 0 {
		a.note("%s is not in memory; these are: %s.", ref, loaded(list))
	}
	return begin, nil
}

func loaded(list []worker.Status) string {
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

func among(list []worker.Status) func(worker.Status) bool {
	return func(s worker.Status) bool {
		for _, l := range list {
			if l.Key == s.Key {
				return true
			}
		}
		return false
	}
}
