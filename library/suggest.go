package library

import (
	"cmp"
	"strings"

	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
)

// Suggest returns up to three models for a user who has none: the recommended one, a better one
// or else a faster one, and one for code. All fit, and Suggested says what each is.
func Suggest(list []CatalogEntry) []CatalogEntry {
	var best, better, faster, code *CatalogEntry
	for i := range list {
		if list[i].Recommended {
			best = &list[i]
		}
	}
	if best == nil {
		return nil
	}
	for i := range list {
		e := &list[i]
		if e.Recommended || e.Fit == nil || e.Fit.Verdict != fit.Fits || e.Terms == nil || !e.Local() || !e.Current() || e.Installed {
			continue
		}
		general := !e.Terms.Ask && !e.Has(catalog.Thinking) && !strings.Contains(e.About, "code")
		for _, a := range best.Can {
			general = general && e.Has(a)
		}
		switch {
		case e.Has(catalog.FIM):
			if code == nil || e.Terms.Ask == code.Terms.Ask && e.Released > code.Released || !e.Terms.Ask && code.Terms.Ask {
				code = e
			}
		case !general:
		case e.Parameters > best.Parameters:
			if better == nil || cmp.Or(cmp.Compare(better.Parameters, e.Parameters), cmp.Compare(e.Released, better.Released)) > 0 {
				better = e
			}
		case e.Parameters < best.Parameters:
			if faster == nil || cmp.Or(cmp.Compare(e.Parameters, faster.Parameters), cmp.Compare(e.Released, faster.Released)) > 0 {
				faster = e
			}
		}
	}
	var found []CatalogEntry
	add := func(e *CatalogEntry, why string) {
		if e != nil {
			e := *e
			e.Suggested = why
			found = append(found, e)
		}
	}
	add(best, "best here")
	if better != nil {
		add(better, "better")
	} else {
		add(faster, "faster")
	}
	add(code, "for code")
	return found
}
