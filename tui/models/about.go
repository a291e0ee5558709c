package models

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// aboutDialog describes a model. For one of the catalogue it lists the quantization types;
// larger types answer better.
type aboutDialog struct {
	kit.ListDialog
	service   *Service
	model     *catalog.Model // nil: an installed one
	installed *library.Installed
	types     []fit.Plan
}

func newAboutModel(s *Service, m catalog.Model) *aboutDialog {
	a := &aboutDialog{service: s, model: &m}
	a.ListDialog = kit.ListDialog{
		List: kit.List{Look: s.look, FilterOnSlash: true, Fixed: true, AlignRight: []bool{false, true, true}}, Heading: kit.OneLine(m.Name), Choose: a.download,
		Hints: func() []kit.Hint {
			if len(a.Rows) == 0 {
				return kit.Hints(s.look.Keys.Back)
			}
			return []kit.Hint{{Binding: s.look.Keys.Choose, Words: "download this type"}, {Binding: s.look.Keys.Back, Words: ""}}
		},
	}
	a.Intro = paragraphs(m.Title, m.About)
	a.Outro = paragraphs(
		fact("can", m.AbilityText()),
		fact("context", contextOf(m)),
		fact("released", m.Released),
		fact("made by", m.Repo),
	)
	if terms, ok := m.Terms(); ok {
		a.Outro = append(a.Outro, paragraphs(fact("licence", joinParts(terms.Name, cmp.Or(m.Link, terms.Link))), terms.Summary)...)
	}
	a.Empty = []string{"Checking this machine."}
	if err := m.CheckRunnable(); err != nil {
		msg, advice := kit.Explain(err)
		a.Empty = []string{strings.TrimSpace(msg + " " + advice)}
	}
	return a
}

func newAboutInstalled(s *Service, i *library.Installed) *aboutDialog {
	a := &aboutDialog{service: s, installed: i}
	a.ListDialog = kit.ListDialog{List: kit.List{Look: s.look, FilterOnSlash: true, Fixed: true}, Heading: kit.OneLine(i.Name), Hints: useHints(s.look)}
	a.Intro = paragraphs(
		fact("title", i.Title),
		fact("used for", library.UsedFor(s.choices, i.Name)),
		fact("can", library.AbilityText(i.Can)),
		fact("type", i.Type),
		fact("size", units.Size(i.Size)),
		fact("state", s.stateOf(i)),
		fact("licence", i.Provenance().LicenceText()),
		fact("from", i.Provenance().SourceText()),
		fact("file", i.Path),
		fact("projector", i.Projector),
		fact("used", ago(i.Used)),
		fact("verified", ago(i.Verified)),
	)
	if i.Problem != nil {
		a.Intro = append(a.Intro, paragraphs(kit.OneLine(i.Problem.Error()))...)
	}
	return a
}

// fact returns a labelled fact, or "" if it is unknown.
func fact(label, fact string) string {
	if fact = kit.OneLine(fact); fact == "" {
		return ""
	}
	return fmt.Sprintf("%-10s%s", label, fact)
}

// paragraphs returns the texts that are not empty.
func paragraphs(texts ...string) []string {
	var list []string
	for _, t := range texts {
		if t != "" {
			list = append(list, t)
		}
	}
	return list
}

// contextOf returns a model's context length.
func contextOf(m catalog.Model) string {
	switch {
	case m.Context == 0:
		return ""
	case m.Advised > 0 && m.Advised < m.Context:
		return fmt.Sprintf("%s tokens, recommended up to %s", units.Count(m.Context), units.Count(m.Advised))
	}
	return units.Count(m.Context) + " tokens"
}

// ago says how long ago something was, "" if never.
func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return units.Ago(t, time.Now())
}

// typesPlanned has a model's types, with the plan of each for this machine.
type typesPlanned struct {
	model string
	plans []fit.Plan
	err   error
}

func (a *aboutDialog) Init() tea.Cmd {
	if a.model == nil || !a.model.Local() {
		return nil
	}
	ctx, lib, m := a.service.tasks.Context(), a.service.library, *a.model
	return func() tea.Msg { return planTypes(ctx, lib, m) }
}

func planTypes(ctx context.Context, lib Models, m catalog.Model) typesPlanned {
	msg := typesPlanned{model: m.Name}
	if whole, ok := fit.FromCatalog(m); ok {
		msg.plans, msg.err = fit.Plans(whole, lib.Machine(ctx), engine.LoadOptions{})
	}
	return msg
}

func (a *aboutDialog) Update(msg tea.Msg) tea.Cmd {
	t, ok := msg.(typesPlanned)
	if !ok || a.model == nil || t.model != a.model.Name || a.service.Machine == nil {
		return nil
	}
	if t.err != nil {
		a.service.notify.Error(t.err)
	}
	a.types = t.plans
	a.Empty = []string{"The catalogue has no sizes of this model."}
	var rows []kit.Row
	for i, p := range t.plans {
		rows = append(rows, kit.Row{Cells: []string{p.Type, units.Size(p.Weights + p.Projector), "needs " + units.Size(p.Need), p.Describe(*a.service.Machine, false)}, Dim: p.Verdict == fit.No})
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
		return a.service.warnTooBig(request, a.model.Name, tooBig(a.model.Name, p, *a.service.Machine))
	}
	return kit.Close(downloadRequested{request, a.model.Name})
}
