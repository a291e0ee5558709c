package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
)

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [NAME]…",
		Short: "List the models on this machine",
		Long: `List the models on this machine: those that bise has, and those that Ollama,
LM Studio and programs that use the Hugging Face cache have. bise uses the latter
where they lie and never changes them.`,
		Example:     "bise list\nbise list codestral --json",
		Annotations: map[string]string{forgiving: "yes"},
		RunE:        func(cmd *cobra.Command, args []string) error { return a.list(cmd.Context(), args) },
	}
}

func (a *app) list(ctx context.Context, names []string) error {
	list, err := a.lib.Installed(ctx, names...)
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(a.stdout, list)
	}
	a.noteUnfinished()
	switch {
	case len(list) == 0 && len(names) > 0:
		a.note("No model on this machine is called so.")
		return nil
	case len(list) == 0:
		a.note("No model is on this machine. Get one with bise pull; see which there are with bise catalog.")
		return nil
	}
	if err := a.print(a.modelTable(list, time.Now())); err != nil {
		return err
	}
	for _, m := range list {
		if m.Problem != nil {
			a.note("%s cannot be used: %s", m.Name, fault.Sentence(m.Problem.Error()))
		}
	}
	return nil
}

// noteUnfinished reports the pulls that are not finished.
func (a *app) noteUnfinished() {
	list, err := a.lib.Unfinished()
	if err != nil {
		return // the installed models are what was asked for
	}
	for _, u := range list {
		how := u.At.AmountText()
		if how != "" {
			how = ", " + how
		}
		a.note("%s:%s is not finished%s. Go on with %s.", u.Plan.Name, u.Plan.Tag, how, pullAgain(u.Plan.Request))
	}
}

func (a *app) modelTable(list []library.Installed, now time.Time) *table {
	t := &table{head: []string{"NAME", "TYPE", "SIZE", "LICENCE", "USED", "CAN"}}
	// Most people have no other program's models, and need no column for them.
	elsewhere := slices.ContainsFunc(list, func(m library.Installed) bool { return location(m) != "" })
	if elsewhere {
		t.head = append(t.head, "WHERE")
	}
	dash := func(s string) string { return cmp.Or(a.shown(s), "–") }
	for _, m := range list {
		can := dash(abilityWords(m.Can))
		if m.Problem != nil {
			can = "cannot be used"
		}
		row := []string{a.shown(m.Name), dash(m.Type), size(m.Size), dash(licenceMark(m)), lastUse(m, now), can}
		if elsewhere {
			row = append(row, a.shown(location(m)))
		}
		t.add(row...)
	}
	return t
}

// licenceMark is the licence in a few letters.
func licenceMark(m library.Installed) string {
	if m.Terms.ID == "" {
		return ""
	}
	return m.Terms.Label()
}

// lastUse says when a model was last used, and whether it is in memory.
func lastUse(m library.Installed, now time.Time) string {
	when := "–"
	if !m.Used.IsZero() {
		when = ago(m.Used, now)
	}
	if len(m.Workers) == 0 {
		return when
	}
	if m.State == worker.Answering || m.State == worker.Loading {
		when = "now"
	}
	return when + ", loaded"
}

// location says which other program or folder has the files of a model.
func location(m library.Installed) string {
	switch m.Origin {
	case models.Cached:
		return m.Program
	case models.Registered:
		return m.Path
	}
	return ""
}

// ago says how long something is past: just now, 5 minutes ago, 3 days ago.
func ago(then, now time.Time) string {
	d := now.Sub(then)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return plural(int(d.Minutes()), "minute") + " ago"
	case d < 48*time.Hour:
		return plural(int(d.Hours()), "hour") + " ago"
	case d < 60*24*time.Hour:
		return plural(int(d.Hours()/24), "day") + " ago"
	}
	return fmt.Sprintf("in %s", then.Format("January 2006"))
}

// abilityWords are abilities in one phrase.
func abilityWords(list []string) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = catalog.Ability(a).Word()
	}
	return strings.Join(words, " ")
}
