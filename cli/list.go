package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/licence"
)

// A listedModel is a model as bise list tells it.
type listedModel struct {
	Name     string         `json:"name"`
	Tag      string         `json:"tag,omitempty"`
	Title    string         `json:"title,omitempty"`
	Type     string         `json:"type,omitempty"`
	Size     int64          `json:"size_bytes"`
	Licence  string         `json:"licence,omitempty"` // its ID
	Accepted time.Time      `json:"licence_accepted,omitzero"`
	Origin   models.Origin  `json:"origin"`
	Program  string         `json:"program,omitempty"` // that has it in its cache
	Path     string         `json:"path"`
	Source   *models.Source `json:"source,omitempty"`
	Can      []string       `json:"can"`
	Modified time.Time      `json:"modified"`
	Used     time.Time      `json:"used,omitzero"`
	Verified time.Time      `json:"verified,omitzero"`
	State    worker.State   `json:"state,omitempty"` // of the process that has it in memory
	Problem  string         `json:"problem,omitempty"`
	terms    *models.Agreement
	loaded   []worker.Status
}

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
	store := a.store()
	found, err := store.List()
	if err != nil {
		return err
	}
	if len(names) > 0 {
		found = slices.DeleteFunc(found, func(m models.Model) bool {
			return !slices.ContainsFunc(names, func(n string) bool {
				return strings.Contains(strings.ToLower(m.Name), strings.ToLower(n)) || m.Called(n)
			})
		})
	}
	list, err := a.describeAll(ctx, found)
	if err != nil {
		return err
	}
	for _, err := range store.Unreadable() {
		a.note("%s", fault.Sentence(err.Error()))
	}
	if a.json {
		return writeJSON(a.stdout, list)
	}
	a.tellUnfinished(store)
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
		if m.Problem != "" {
			a.note("%s cannot be used: %s", m.Name, fault.Sentence(m.Problem))
		}
	}
	return nil
}

// tellUnfinished tells of pulls that have not come to their end.
func (a *app) tellUnfinished(store models.Store) {
	list, err := (&pull.Puller{Store: store}).Unfinished()
	if err != nil {
		return // it is of those that are here that was asked
	}
	for _, u := range list {
		how := u.At.Amount()
		if how != "" {
			how = ", " + how
		}
		a.note("%s:%s is not finished%s. Go on with %s.", u.Plan.Name, u.Plan.Tag, how, pullAgain(u.Plan.Request))
	}
}

// describeAll looks into the models' files, several at a time, and asks the
// workers which are in memory.
func (a *app) describeAll(ctx context.Context, found []models.Model) ([]listedModel, error) {
	workers, err := worker.List(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]listedModel, len(found))
	var g errgroup.Group
	g.SetLimit(8) // it is the disk that is waited for
	for i, m := range found {
		g.Go(func() error {
			list[i] = listModel(m)
			for _, w := range workers {
				if w.Path == m.Path && w.State != worker.Failed {
					list[i].loaded = append(list[i].loaded, w)
					list[i].State = w.State
				}
			}
			return nil
		})
	}
	return list, g.Wait()
}

// listModel tells of a model what its manifest says, and what only its file does.
func listModel(m models.Model) listedModel {
	l := listedModel{
		Name: m.Name, Tag: m.Tag, Size: m.Size, Origin: m.Origin, Program: m.Program, Path: m.Path,
		Can: []string{}, Modified: m.Modified, Used: m.Used, Verified: m.Verified,
	}
	if man := m.Manifest; man != nil {
		l.Title, l.Type, l.Source, l.terms = man.Title, man.Type, &man.Source, &man.Licence
		l.Licence, l.Accepted, l.Can = man.Licence.ID, man.Licence.Accepted, append(l.Can, man.Can...)
	}
	if m.Problem != nil {
		l.Problem = m.Problem.Error()
		return l
	}
	if l.Type != "" && len(l.Can) > 0 && l.Licence != "" {
		return l
	}
	file, err := gguf.Read(m.Path)
	if err != nil {
		l.Problem = err.Error()
		return l
	}
	sum := file.Summary()
	l.Title, l.Type = cmp.Or(l.Title, sum.Name), cmp.Or(l.Type, sum.FileType)
	l.Can = abilities(m, file)
	if l.Licence == "" {
		terms := termsIn(file)
		l.Licence, l.terms = terms.ID, &terms
	}
	return l
}

// termsIn is the licence that a file says it comes under.
func termsIn(file *gguf.File) models.Agreement {
	var t models.Agreement
	t.ID, _ = file.Metadata.String("general.license")
	t.Name, _ = file.Metadata.String("general.license.name")
	t.Link, _ = file.Metadata.String("general.license.link")
	return t
}

func (a *app) modelTable(list []listedModel, now time.Time) *table {
	t := &table{head: []string{"NAME", "TYPE", "SIZE", "LICENCE", "USED", "CAN"}}
	// Most people have no other program's models, and need no column for them.
	elsewhere := slices.ContainsFunc(list, func(m listedModel) bool { return m.where() != "" })
	if elsewhere {
		t.head = append(t.head, "WHERE")
	}
	dash := func(s string) string { return cmp.Or(a.shown(s), "–") }
	for _, m := range list {
		can := dash(abilityWords(m.Can))
		if m.Problem != "" {
			can = "cannot be used"
		}
		row := []string{a.shown(m.Name), dash(m.Type), size(m.Size), dash(m.mark()), m.used(now), can}
		if elsewhere {
			row = append(row, a.shown(m.where()))
		}
		t.add(row...)
	}
	return t
}

// mark is the licence in a few letters.
func (m listedModel) mark() string {
	if m.terms == nil || m.terms.ID == "" && m.terms.Name == "" {
		return ""
	}
	return known(*m.terms).Mark()
}

// known is the licence of the family that a model came under.
func known(t models.Agreement) licence.Licence {
	if t.ID == licence.Unstated {
		return licence.Of(t.ID, t.Link)
	}
	for _, id := range []string{t.ID, t.Name} {
		if l, ok := licence.Find(id); ok && id != "" {
			return l
		}
	}
	return licence.Of(cmp.Or(t.Name, t.ID), t.Link)
}

// used says when a model was used last, and whether it is in memory.
func (m listedModel) used(now time.Time) string {
	when := "–"
	if !m.Used.IsZero() {
		when = ago(m.Used, now)
	}
	if len(m.loaded) == 0 {
		return when
	}
	if m.State == worker.Answering || m.State == worker.Loading {
		when = "now"
	}
	return when + ", loaded"
}

// where says who else has the files of a model.
func (m listedModel) where() string {
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
