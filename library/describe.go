package library

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/units"
)

// AbilityText describes abilities in one phrase.
func AbilityText(list []string) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = catalog.Ability(a).Word()
	}
	return strings.Join(words, " ")
}

// Location returns the program or the path that has the model's files, "" if they are
// in bise's own folder.
func (i Installed) Location() string {
	switch i.Origin {
	case models.Cached:
		return i.Program
	case models.Registered, models.Elsewhere:
		return i.Path
	}
	return ""
}

// Provenance returns where the model came from.
func (i Installed) Provenance() Provenance { return NewProvenance(i.Model, i.Can, i.Licence) }

// LicenceText describes the licence: its name, the restrictions, the date of the
// acceptance and the URL. It is empty if no licence is known.
func (p Provenance) LicenceText() string {
	if p.Licence == nil {
		return ""
	}
	terms := Terms(*p.Licence)
	parts := []string{cmp.Or(terms.Name, p.Licence.Name, p.Licence.ID)}
	if len(p.Forbids) > 0 {
		parts = append(parts, "no "+strings.Join(p.Forbids, ", no "))
	}
	if !p.Licence.Accepted.IsZero() {
		parts = append(parts, "accepted "+DateText(p.Licence.Accepted))
	}
	if link := cmp.Or(p.Licence.Link, terms.Link); link != "" {
		parts = append(parts, link)
	}
	return strings.Join(parts, ", ")
}

// SourceText describes where the model came from and how it was made.
func (p Provenance) SourceText() string {
	switch {
	case p.Origin == models.Cached:
		return p.Program + "'s cache"
	case p.Source == nil:
		return ""
	case p.Source.Kind == models.ByPath && p.Origin == models.Registered:
		return "imported, and used in place"
	case p.Source.Kind == models.ByPath:
		return "imported from " + p.Source.Repo
	}
	parts := []string{cmp.Or(p.Source.Repo, p.Source.Ref)}
	if p.Source.Revision != "" {
		parts = append(parts, "revision "+p.Source.Revision)
	}
	for _, step := range p.Made {
		parts = append(parts, strings.TrimSpace(step.Step+" here "+step.Type))
	}
	return strings.Join(parts, ", ")
}

// DateText formats a date: 5 November 2026.
func DateText(t time.Time) string { return fmt.Sprintf("%d %s", t.Day(), t.Format("January 2006")) }

// SizeText formats the size of a download, "" if it is unknown.
func (e CatalogEntry) SizeText() string {
	switch {
	case e.Download == 0:
		return ""
	case e.Fit.Rough:
		return "~" + units.Size(e.Download)
	}
	return units.Size(e.Download)
}

// Restrictions describes what the licence forbids, "" if nothing.
func (e CatalogEntry) Restrictions() string {
	if e.Terms == nil {
		return ""
	}
	return e.Terms.Restrictions()
}

// FitText describes how the model fits a machine.
func (e CatalogEntry) FitText(h fit.Machine) string {
	switch {
	case e.Installed && e.Measured > 0:
		return "installed, " + units.Speed(e.Measured)
	case e.Installed:
		return "installed"
	case !e.Local() && len(e.Remote) > 0:
		return "on a server only"
	case !e.Local():
		return "cannot run"
	case e.Fit == nil:
		return ""
	}
	if e.Suggested != "" {
		return e.Fit.DescribeAs(h, e.Suggested)
	}
	return e.Fit.Describe(h, e.Recommended)
}
