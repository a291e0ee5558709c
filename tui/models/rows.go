package models

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// An entry is a row of the list of models: one of its four is set.
type entry struct {
	download  *Download
	installed *library.Installed
	server    string // an endpoint's name
	model     *catalog.Model
	row       kit.Row
}

// key tells entries apart, also when they are made anew.
func (e entry) key() string {
	switch {
	case e.download != nil:
		return fmt.Sprint("download ", e.download.Number)
	case e.installed != nil:
		return "here " + e.installed.Name
	case e.model != nil:
		return "catalog " + e.model.Name
	}
	return "server " + e.server
}

// entries are what the list of models shows: what is on its way, what is here, what
// is on servers, and what could be. To somebody who has no model yet, what could be
// matters most.
func (s *Service) entries(filter string, first bool) []entry {
	var coming, here, served, known []entry
	for _, w := range s.Downloads {
		coming = append(coming, s.downloadEntry(w))
	}
	for i := range s.Installed {
		here = append(here, s.installedEntry(&s.Installed[i]))
	}
	if s.endpoints != nil {
		servers := s.endpoints.Endpoints()
		for _, name := range sortedKeys(servers) {
			served = append(served, entry{server: name, row: kit.Row{Group: "on servers", Cells: []string{kit.OneLine(name), "", "models of a server", kit.OneLine(servers[name].URL)}}})
		}
	}
	known = s.knownEntries(filter != "")
	all := slices.Concat(coming, here, served, known)
	if first {
		for i := range known {
			known[i].row.Group = ""
		}
		for i := range here {
			here[i].row.Group = "already here"
		}
		all = slices.Concat(coming, known, here, served)
	}
	return filtered(all, filter)
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// filtered are the entries that have the filter in their name, before those of the
// same group that have all its words anywhere.
func filtered(all []entry, filter string) []entry {
	if filter = strings.TrimSpace(filter); filter == "" {
		return all
	}
	var found []entry
	for _, e := range all {
		name := e.row.Cells[0]
		about := strings.ToLower(strings.Join(e.row.Cells, " "))
		if e.model != nil {
			about += strings.ToLower(strings.Join(append([]string{"", e.model.Name, e.model.About}, e.model.Aliases...), " "))
		}
		lacks := func(word string) bool { return !strings.Contains(about, word) }
		if at := kit.IndexFold(name, filter); at >= 0 {
			e.row.Marks = []kit.Span{{From: at, To: at + len(filter)}}
		} else if slices.ContainsFunc(strings.Fields(strings.ToLower(filter)), lacks) {
			continue
		}
		found = append(found, e)
	}
	groups := map[string]int{}
	for _, e := range found {
		if _, ok := groups[e.row.Group]; !ok {
			groups[e.row.Group] = len(groups)
		}
	}
	kit.SortBy(found, func(e entry) int {
		place := groups[e.row.Group] * 2
		if e.row.Marks == nil {
			place++
		}
		return place
	})
	return found
}

func (s *Service) downloadEntry(w *Download) entry {
	return entry{download: w, row: kit.Row{Group: "on the way", Cells: []string{kit.OneLine(w.title)}, Rest: w.status, Spoken: w.said()}}
}

func (s *Service) installedEntry(i *library.Installed) entry {
	return entry{installed: i, row: kit.Row{
		Group: "on this machine",
		Cells: []string{s.titleOf(i), units.Size(i.Size), s.stateOf(i), aboutInstalled(i)},
		Dim:   i.Problem != nil,
	}}
}

// titleOf is what an installed model is called: by its title where it has one, and
// with its type where another has the same.
func (s *Service) titleOf(i *library.Installed) string {
	title := cmp.Or(i.Title, i.Name)
	for n := range s.Installed {
		if other := &s.Installed[n]; other != i && cmp.Or(other.Title, other.Name) == title {
			title = i.Name
		}
	}
	return kit.OneLine(title)
}

// stateOf says whether a model is in memory, or whether it fits.
func (s *Service) stateOf(i *library.Installed) string {
	if i.Problem != nil {
		return "cannot be used"
	}
	switch m := s.engines.Find(i.Name); {
	case m == nil:
	case m.State == engines.Ready:
		return "in use"
	case m.Loaded >= 0:
		return fmt.Sprintf("loading %.0f %%", m.Loaded*100)
	default:
		return "loading"
	}
	switch i.State {
	case worker.Loading:
		return "loading"
	case worker.Idle, worker.Answering:
		return "loaded"
	}
	if p, ok := s.fits[i.Name]; ok {
		return p.Describe(*s.Machine, false)
	}
	return ""
}

// aboutInstalled says what a model can do, under which licence, and who has it.
func aboutInstalled(i *library.Installed) string {
	var parts []string
	for _, part := range []string{abilityWords(i.Can), i.Type, i.Terms.Restrictions(), whose(i)} {
		if part = kit.OneLine(part); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " · ")
}

// whose says who keeps a model's files, where that is not bise.
func whose(i *library.Installed) string {
	switch i.Origin {
	case models.Cached:
		return i.Program
	case models.Registered, models.Elsewhere:
		return i.Path
	}
	return ""
}

func abilityWords(can []string) string {
	list := make([]string, len(can))
	for i, a := range can {
		list[i] = catalog.Ability(a).Word()
	}
	return strings.Join(list, " ")
}

// knownEntries are the models of the catalogue that are not here, the best for this
// machine first; with everything, also those that a newer one has replaced, and
// those that only servers can run.
func (s *Service) knownEntries(everything bool) []entry {
	if s.catalog == nil || s.Machine == nil {
		return nil
	}
	here := map[string]bool{}
	for _, i := range s.Installed {
		if i.Manifest != nil {
			here[i.Manifest.Name] = true
		}
	}
	for _, w := range s.Downloads {
		if w.plan != nil {
			here[w.plan.Name] = true
		}
		here[w.Request.Ref] = true
	}
	var list []entry
	for _, m := range s.catalog.All() {
		if here[m.Name] || !everything && (!m.Current() || !m.Local()) {
			continue
		}
		list = append(list, entry{model: &m, row: kit.Row{
			Group: "to download", Cells: []string{kit.OneLine(m.Title), s.sizeOf(m), s.fitOf(m), aboutKnown(m)}, Dim: s.rank(m) > rankTight,
		}})
	}
	slices.SortStableFunc(list, func(a, b entry) int { return s.rank(*a.model) - s.rank(*b.model) })
	return list
}

// Ranks of models in the catalogue.
const (
	rankBest = iota
	rankFits
	rankTight
	rankTooBig
	rankElsewhere
)

func (s *Service) rank(m catalog.Model) int {
	p, ok := s.plans[m.Name]
	switch {
	case m.Name == s.best:
		return rankBest
	case !ok || !m.Local():
		return rankElsewhere
	case p.Verdict == fit.Fits:
		return rankFits
	case p.Verdict == fit.Tight:
		return rankTight
	}
	return rankTooBig
}

func (s *Service) sizeOf(m catalog.Model) string {
	p, ok := s.plans[m.Name]
	switch {
	case !ok:
		return ""
	case p.Rough:
		return "~" + units.Size(p.download)
	}
	return units.Size(p.download)
}

// fitOf says how a model of the catalogue and this machine go together.
func (s *Service) fitOf(m catalog.Model) string {
	p, ok := s.plans[m.Name]
	switch {
	case !m.Local() && len(m.Remote) > 0:
		return "on a server only"
	case !m.Local():
		return "cannot run"
	case !ok:
		return ""
	}
	return p.Describe(*s.Machine, m.Name == s.best)
}

// aboutKnown says what a model can do, and what its licence forbids.
func aboutKnown(m catalog.Model) string {
	about := m.AbilityText()
	if terms, ok := m.Terms(); ok && terms.Restrictions() != "" {
		about += " · " + terms.Restrictions()
	}
	return about
}
