package tui

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/units"
)

// aboutDialog tells more of a model. Of one of the catalogue it lists the types in
// which it can be had; the larger ones answer better.
type aboutDialog struct {
	list
	shelf     *shelf
	model     *catalog.Model // nil: one that is here
	installed *Installed
	types     []fit.Plan
}

func newAboutModel(s *shelf, m catalog.Model) *aboutDialog {
	a := &aboutDialog{shelf: s, list: list{look: s.look, letters: true, right: []bool{false, true, true}}, model: &m}
	a.intro = paragraphs(m.About)
	a.outro = paragraphs(
		labelled("can", m.Words()),
		labelled("context", contextOf(m)),
		labelled("released", m.Released),
		labelled("made by", m.Repo),
	)
	if terms, ok := m.Terms(); ok {
		a.outro = append(a.outro, paragraphs(labelled("licence", joinedParts(terms.Name, cmp.Or(m.Link, terms.Link))), terms.Summary)...)
	}
	a.empty = []string{"Looking at this machine."}
	if err := m.CannotRun(); err != nil {
		msg, advice := Explain(err)
		a.empty = []string{strings.TrimSpace(msg + " " + advice)}
	}
	return a
}

func newAboutInstalled(s *shelf, i *Installed) *aboutDialog {
	a := &aboutDialog{shelf: s, list: list{look: s.look, letters: true}, installed: i}
	a.intro = paragraphs(
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
		a.intro = append(a.intro, paragraphs(oneLine(i.Problem.Error()))...)
	}
	return a
}

// labelled is a fact with what it is, "" where it is not known.
func labelled(label, fact string) string {
	if fact = oneLine(fact); fact == "" {
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
func termsOf(i *Installed) string {
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
func from(i *Installed) string {
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

func (a *aboutDialog) title() string {
	if a.model != nil {
		return oneLine(a.model.Title)
	}
	return a.shelf.titleOf(a.installed)
}

func (a *aboutDialog) note() string { return "" }

// typesPlanned brings the types of a model, planned for this machine.
type typesPlanned struct {
	model string
	plans []fit.Plan
	err   error
}

func (a *aboutDialog) begin() tea.Cmd {
	if a.model == nil || !a.model.Local() {
		return nil
	}
	ctx, library, m := a.shelf.tasks.Context(), a.shelf.library, *a.model
	return func() tea.Msg { return planTypes(ctx, library, m) }
}

func planTypes(ctx context.Context, library Library, m catalog.Model) typesPlanned {
	msg := typesPlanned{model: m.Name}
	if whole, ok := fit.Catalogued(m); ok {
		h, _ := library.Machine(ctx)
		msg.plans, msg.err = fit.At(whole, h, engine.LoadOptions{}, "")
	}
	return msg
}

func (a *aboutDialog) update(msg tea.Msg) tea.Cmd {
	t, ok := msg.(typesPlanned)
	if !ok || a.model == nil || t.model != a.model.Name || a.shelf.machine == nil {
		return nil
	}
	if t.err != nil {
		a.shelf.notify.Error(t.err)
	}
	a.types = t.plans
	a.empty = []string{"The catalogue does not say how large it is."}
	var rows []row
	for i, p := range t.plans {
		rows = append(rows, row{cells: []string{p.Type, units.Size(p.Weights + p.Tower), "needs " + units.Size(p.Need), p.Words(*a.shelf.machine, false)}, dim: p.Verdict == fit.No})
		if p.Type == catalog.DefaultType {
			a.chosen = i
		}
	}
	a.show(rows)
	return nil
}

func (a *aboutDialog) bindings() []hint {
	switch {
	case a.installed != nil:
		return []hint{{a.look.Keys.Choose, "use it"}, {a.look.Keys.Back, ""}}
	case len(a.rows) == 0:
		return hints(a.look.Keys.Back)
	}
	return []hint{{a.look.Keys.Choose, "download this type"}, {a.look.Keys.Back, ""}}
}

func (a *aboutDialog) foot() foot { return foot{hints: a.bindings()} }

func (a *aboutDialog) press(k tea.KeyPressMsg) outcome {
	switch {
	case is(k, a.look.Keys.Back), is(k, aboutKey):
		return answer(nil)
	case is(k, a.look.Keys.Choose):
		return a.choice()
	case k.String() == "/":
		return took(nil) // there is nothing to filter
	case a.list.press(k).handled:
		return took(nil)
	}
	return pass()
}

func (a *aboutDialog) choice() outcome {
	if a.installed != nil {
		if a.installed.Problem != nil {
			return answer(nil)
		}
		return answer(modelChosen{a.installed.Name})
	}
	i, ok := a.row()
	if !ok {
		return took(nil)
	}
	p, request := a.types[i], pull.Request{Ref: a.model.Name}
	if p.Type != catalog.DefaultType {
		request.Type = p.Type
	}
	if p.Verdict == fit.No {
		return a.shelf.anyway(request, a.model.Title, tooBig(a.model.Title, p, *a.shelf.machine))
	}
	return answer(pullWanted{request, a.model.Title})
}

func (a *aboutDialog) paste(string) outcome { return took(nil) }

func (a *aboutDialog) click(_, y int) outcome {
	if _, again := a.list.click(y); again {
		return a.choice()
	}
	return took(nil)
}
