package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// An entry is a row of the list of models. One of the first four fields is set.
type entry struct {
	download  *Download
	installed *library.Installed
	server    string // an endpoint's name
	model     *catalog.Model
	row       kit.Row
}

// key identifies an entry across refreshes.
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

// entries returns the rows: downloads, installed models, servers and the catalogue. For a user
// without models, the catalogue comes first.
func (s *Service) entries(filter string, first bool) []entry {
	var downloads, installed, servers, offered []entry
	for _, w := range s.Downloads {
		downloads = append(downloads, s.downloadEntry(w))
	}
	for i := range s.Installed {
		installed = append(installed, s.installedEntry(&s.Installed[i]))
	}
	if s.endpoints != nil {
		endpoints := s.endpoints.Endpoints()
		for _, name := range sortedKeys(endpoints) {
			servers = append(servers, entry{server: name, row: kit.Row{Group: "on servers", Cells: []string{kit.OneLine(name), "", "server", kit.OneLine(endpoints[name].URL)}}})
		}
	}
	offered = s.catalogEntries(filter != "")
	all := slices.Concat(downloads, installed, servers, offered)
	if first {
		suggested := s.suggestedEntries()
		offered = slices.DeleteFunc(offered, func(e entry) bool {
			return slices.ContainsFunc(suggested, func(s entry) bool { return s.model.Name == e.model.Name })
		})
		group := ""
		if len(suggested) > 0 {
			group = "more models"
		}
		for i := range offered {
			offered[i].row.Group = group
		}
		offered = append(suggested, offered...)
		for i := range installed {
			installed[i].row.Group = "already here"
		}
		all = slices.Concat(downloads, offered, installed, servers)
	}
	return filtered(all, filter)
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// filtered returns the entries whose name contains the filter. In each group, the entries that
// contain all its words anywhere follow.
func filtered(all []entry, filter string) []entry {
	if filter = strings.TrimSpace(filter); filter == "" {
		return all
	}
	var found []entry
	for _, e := range all {
		name := e.row.Cells[0]
		about := strings.ToLower(strings.Join(e.row.Cells, " "))
		if e.model != nil {
			about += strings.ToLower(strings.Join(append([]string{"", e.model.Title, e.model.About}, e.model.Aliases...), " "))
		}
		if e.installed != nil {
			about += " " + strings.ToLower(e.installed.Title)
		}
		lacks := func(word string) bool { return !strings.Contains(about, word) }
		if at := kit.IndexFold(name, strings.ReplaceAll(filter, " ", "-")); at >= 0 {
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
		order := groups[e.row.Group] * 2
		if e.row.Marks == nil {
			order++
		}
		return order
	})
	return found
}

func (s *Service) downloadEntry(w *Download) entry {
	return entry{download: w, row: kit.Row{Group: "downloads", Cells: []string{kit.OneLine(w.title)}, Rest: w.status, Spoken: w.summary()}}
}

func (s *Service) installedEntry(i *library.Installed) entry {
	return entry{installed: i, row: kit.Row{
		Group: "on this machine",
		Cells: []string{kit.OneLine(i.Name), units.Size(i.Size), s.stateOf(i), joinParts(s.modesOf(i.Name), describeInstalled(i))},
		Dim:   i.Problem != nil,
	}}
}

// speedOf returns the speed that a model has reached here, after a comma, or "".
func (s *Service) speedOf(i *library.Installed) string {
	if p := s.fits[i.Name]; p.Measured > 0 {
		return ", " + units.Speed(p.Measured)
	}
	return ""
}

// modesOf lists the modes that use a model, if not all models do for want of another.
func (s *Service) modesOf(ref string) string {
	var modes []string
	for _, c := range s.choices {
		if c.Ref == ref && !c.Unable {
			modes = append(modes, c.Mode)
		}
	}
	if len(modes) == 0 {
		return ""
	}
	return "for " + strings.Join(modes, " ")
}

// stateOf describes whether a model is in use, loaded, or fits in memory.
func (s *Service) stateOf(i *library.Installed) string {
	if i.Problem != nil {
		return "unusable"
	}
	switch m := s.engines.Find(i.Name); {
	case m == nil:
	case m.State == engines.Ready && s.unloaded[i.Name]:
		return "in use, unloaded"
	case m.State == engines.Ready:
		return "in use" + s.speedOf(i)
	case m.Loaded >= 0:
		return fmt.Sprintf("loading %.0f %%", m.Loaded*100)
	default:
		return "loading"
	}
	switch i.State {
	case worker.Loading:
		return "loading"
	case worker.Idle, worker.Answering:
		return "loaded" + s.speedOf(i)
	}
	if p, ok := s.fits[i.Name]; ok {
		return p.Describe(*s.Machine, false)
	}
	return ""
}

// inMemory reports whether a model can be unloaded.
func (s *Service) inMemory(i *library.Installed) bool {
	m := s.engines.Find(i.Name)
	return !s.unloaded[i.Name] && (i.State != "" || m != nil && m.State == engines.Ready)
}

// describeInstalled lists a model's abilities, type, licence limits and location.
func describeInstalled(i *library.Installed) string {
	return joinParts(library.AbilityText(i.Can), i.Type, i.Terms.Restrictions(), i.Location())
}

// catalogEntries returns the models of the catalogue that are not installed, the best for this
// machine first. everything includes replaced models and models that run only on servers.
func (s *Service) catalogEntries(everything bool) []entry {
	if s.catalog == nil || s.Machine == nil {
		return nil
	}
	here := map[string]bool{}
	for _, i := range s.Installed {
		if i.Manifest != nil {
			here[i.Manifest.Name] = true
		}
	}
	var list []entry
	for _, m := range s.catalog.All() {
		if here[m.Name] || s.isDownload(m.Name) || !everything && (!m.Current() || !m.Local()) {
			continue
		}
		e, ok := s.known[m.Name]
		if !ok {
			e.Model = m
		}
		list = append(list, entry{model: &m, row: kit.Row{
			Group: "to download", Cells: []string{kit.OneLine(m.Name), e.SizeText(), e.FitText(*s.Machine), joinParts(e.AbilityText(), e.Restrictions())}, Dim: rank(e) > rankTight,
		}})
	}
	slices.SortStableFunc(list, func(a, b entry) int { return rank(s.known[a.model.Name]) - rank(s.known[b.model.Name]) })
	return list
}

// isDownload reports whether a model is in the list of downloads.
func (s *Service) isDownload(name string) bool {
	return slices.ContainsFunc(s.Downloads, func(w *Download) bool { return w.Request.Ref == name || w.plan != nil && w.plan.Name == name })
}

// suggestedEntries returns the models for a user who has none, with their licences.
func (s *Service) suggestedEntries() []entry {
	if s.catalog == nil || s.Machine == nil {
		return nil
	}
	var known []library.CatalogEntry
	for _, m := range s.catalog.All() {
		if e, ok := s.known[m.Name]; ok && !s.isDownload(m.Name) {
			known = append(known, e)
		}
	}
	var list []entry
	for _, e := range library.Suggest(known) {
		list = append(list, entry{model: &e.Model, row: kit.Row{
			Group: "suggested for this machine", Cells: []string{kit.OneLine(e.Name), e.SizeText(), e.FitText(*s.Machine), e.Terms.Label()},
		}})
	}
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

func rank(e library.CatalogEntry) int {
	switch {
	case e.Recommended:
		return rankBest
	case e.Fit == nil:
		return rankElsewhere
	case e.Fit.Verdict == fit.Fits:
		return rankFits
	case e.Fit.Verdict == fit.Tight:
		return rankTight
	}
	return rankTooBig
}
