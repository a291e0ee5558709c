package library

import (
	"cmp"

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
	newer := func(a, b *CatalogEntry) int {
		if b == nil {
			return 1
		}
		return cmp.Compare(a.Released, b.Released)
	}
	for i := range list {
		e := &list[i]
		if e.Recommended || e.Fit == nil || e.Fit.Verdict != fit.Fits || e.Terms == nil || !e.Local() || !e.Current() || e.Installed {
			continue
		}
		general := !e.Terms.Ask && !e.Has(catalog.Thinking)
		for _, a := range best.Can {
			general = general && e.Has(a)
		}
		switch {
		case e.Has(catalog.FIM):
			if code == nil || cmp.Or(compareBool(!e.Terms.Ask, !code.Terms.Ask), newer(e, code), cmp.Compare(e.Parameters, code.Parameters)) > 0 {
				code = e
			}
		case !general:
		case e.Parameters > best.Parameters:
			if better == nil || cmp.Or(newer(e, better), cmp.Compare(better.Parameters, e.Parameters)) > 0 {
				better = e
			}
		case e.Parameters < best.Parameters:
			if faster == nil || cmp.Or(newer(e, faster), cmp.Compare(e.Parameters, faster.Parameters)) > 0 {
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

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
