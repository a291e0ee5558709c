package models

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// aboutDialog tells more of a model. Of one of the catalogue it lists the types in
// which it can be had; the larger ones answer better.
type aboutDialog struct {
	kit.ListDialog
	shelf     *Service
	model     *catalog.Model // nil: one that is here
	installed *library.Installed
	types     []fit.Plan
}

func newAboutModel(s *Service, m catalog.Model) *aboutDialog {
	a := &aboutDialog{shelf: s, model: &m}
	a.ListDialog = kit.ListDialog{
		List: kit.List{Look: s.look, FilterOnSlash: true, AlignRight: []bool{false, true, true}}, Heading: kit.OneLine(m.Title), Choose: a.download,
		Hints: func() []kit.Hint {
			if len(a.Rows) == 0 {
				return kit.Hints(s.look.Keys.Back)
			}
			return []kit.Hint{{Binding: s.look.Keys.Choose, Words: "download this type"}, {Binding: s.look.Keys.Back, Words: ""}}
		},
	}
	a.Intro = paragraphs(m.About)
	a.Outro = paragraphs(
		labelled("can", m.Words()),
		labelled("context", contextOf(m)),
		labelled("released", m.Released),
		labelled("made by", m.Repo),
	)
	if terms, ok := m.Terms(); ok {
		a.Outro = append(a.Outro, paragraphs(labelled("licence", joinedParts(terms.Name, cmp.Or(m.Link, terms.Link))), terms.Summary)...)
	}
	a.Empty = []string{"Looking at this machine."}
	if err := m.CannotRun(); err != nil {
		msg, advice := kit.Explain(err)
		a.Empty = []string{strings.TrimSpace(msg + " " + advice)}
	}
	return a
}

func newAboutInstalled(s *Service, i *library.Installed) *aboutDialog {
	a := &aboutDialog{shelf: s, installed: i}
	a.ListDialog = kit.ListDialog{List: kit.List{Look: s.look, FilterOnSlash: true}, Heading: s.titleOf(i), Hints: useHints(s.look)}
	a.Intro = paragraphs(
		labelled("can", abilityWords(i.Can)),
		labelled("type", i.Type),
		labelled("size", units.Size(i.Size)),
		labelled("here", s.stateOf(i)),
		labelled("licence", termsOf(i)),
		labelled("from", from(i)),
		labelled("file", i.Path),
		labelled("sees with", i.Projector),
		labelled("used", dayOf(i.Used)),
		labelled("verified", dayOf(i.Verified)),
	)
	if i.Problem != nil {
		a.Intro = append(a.Intro, paragraphs(kit.OneLine(i.Problem.Error()))...)
	}
	return a
}

// labelled is a fact with what it is, "" where it is not known.
func labelled(label, fact string) string {
	if fact = kit.OneLine(fact); fact == "" {
		return ""
	}
	return fmt.Sprintf("%-10s%s", label, fact)
}

// paragraphs are the texts that there are.
func paragraphs(texts ...string) []string {
	var list []string
	for _, t := range texts {
		if t != "" {
			list = append(list, t)
		}
	}
	return list
}

// contextOf says how much a model keeps in view.
func contextOf(m catalog.Model) string {
	switch {
	case m.Context == 0:
		return ""
	case m.Advised > 0 && m.Advised < m.Context:
		return fmt.Sprintf("%s tokens, best up to %s", units.Count(m.Context), units.Count(m.Advised))
	}
	return units.Count(m.Context) + " tokens"
}

// termsOf is a model's licence in a line.
func termsOf(i *library.Installed) string {
	accepted := ""
	if i.Manifest != nil && !i.Manifest.Licence.Accepted.IsZero() {
		accepted = "accepted " + dayOf(i.Manifest.Licence.Accepted)
	}
	if i.Terms.ID == "" {
		return ""
	}
	return joinedParts(i.Terms.Name, i.Terms.Limits(), accepted, i.Terms.Link)
}

// from says where a model came from.
func from(i *library.Installed) string {
	switch {
	case i.Origin == models.Cached:
		return i.Program + ", which keeps it"
	case i.Manifest == nil:
		return ""
	}
	parts := []string{cmp.Or(i.Manifest.Source.Repo, i.Manifest.Source.Ref)}
	for _, step := range i.Manifest.Made {
		parts = append(parts, step.Step+" here "+step.Type)
	}
	return joinedParts(parts...)
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	day := history.Day(t, time.Now())
	if day == "Today" || day == "Yesterday" {
		return strings.ToLower(day)
	}
	return day
}

// typesPlanned brings the types of a model, planned for this machine.
type typesPlanned struct {
	model string
	plans []fit.Plan
	err   error
}

func (a *aboutDialog) Init() tea.Cmd {
	if a.model == nil || !a.model.Local() {
		return nil
	}
	ctx, known, m := a.shelf.tasks.Context(), a.shelf.library, *a.model
	return func() tea.Msg { return planTypes(ctx, known, m) }
}

func planTypes(ctx context.Context, known Models, m catalog.Model) typesPlanned {
	msg := typesPlanned{model: m.Name}
	if whole, ok := fit.Catalogued(m); ok {
		msg.plans, msg.err = fit.At(whole, known.Machine(ctx), engine.LoadOptions{}, "")
	}
	return msg
}

func (a *aboutDialog) Update(msg tea.Msg) tea.Cmd {
	t, ok := msg.(typesPlanned)
	if !ok || a.model == nil || t.model != a.model.Name || a.shelf.Machine == nil {
		return nil
	}
	if t.err != nil {
		a.shelf.notify.Error(t.err)
	}
	a.types = t.plans
	a.Empty = []string{"The catalogue does not say how large it is."}
	var rows []kit.Row
	for i, p := range t.plans {
		rows = append(rows, kit.Row{Cells: []string{p.Type, units.Size(p.Weights + p.Tower), "needs " + units.Size(p.Need), p.Words(*a.shelf.Machine, false)}, Dim: p.Verdict == fit.No})
		if p.Type == catalog.DefaultType {
			a.Selected = i
		}
	}
	a.SetRows(rows)
	return nil
}

func (a *aboutDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	switch {
	case kit.Matches(k, aboutKey):
		return kit.Close(nil)
	case k.String() == "/":
		return kit.Handled(nil) // nothing to filter
	case a.installed != nil && kit.Matches(k, a.Look.Keys.Choose):
		if a.installed.Problem != nil {
			return kit.Close(nil)
		}
		return kit.Close(Chosen{a.installed.Name})
	}
	return a.ListDialog.Press(k)
}

// download downloads the model in the type of a row.
func (a *aboutDialog) download(row int) kit.Outcome {
	p, request := a.types[row], pull.Request{Ref: a.model.Name}
	if p.Type != catalog.DefaultType {
		request.Type = p.Type
	}
	if p.Verdict == fit.No {
		return a.shelf.anyway(request, a.model.Title, tooBig(a.model.Title, p, *a.shelf.Machine))
	}
	return kit.Close(pullWanted{request, a.model.Title})
}
