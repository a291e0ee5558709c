package model

import (
	"strings"
	"testing"

	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/licence"
)

// Whether a model fits is seen on every terminal; the rest where there is room.
func TestCatalogTable(t *testing.T) {
	terms, _ := licence.Find("mnpl")
	rows := []library.CatalogEntry{
		{Model: catalog.Model{Name: "ministral-3-14b-reasoning", Repo: "a/b", Can: []catalog.Ability{catalog.Chat}}, Download: 9_120_000_000, Fit: &fit.Plan{Verdict: fit.Fits, Speed: 5}},
		{Model: catalog.Model{Name: "codestral", Repo: "a/c", Can: []catalog.Ability{catalog.FIM}}, Terms: &terms, Download: 13_300_000_000, Fit: &fit.Plan{Verdict: fit.No, Need: 14_400_000_000, Rough: true}},
		{Model: catalog.Model{Name: "far", Obstacle: "it is too new"}},
	}
	for _, c := range []struct {
		columns int
		want    string
	}{
		{0, `
MODEL                          SIZE  HERE              CAN   LICENCE
ministral-3-14b-reasoning   9.12 GB  fits, ~5.0 tok/s  chat
codestral                  ~13.3 GB  too big: 14.4 GB  code  not for commercial use
far                               –  cannot run
`},
		{60, `
MODEL                          SIZE  HERE              CAN …
ministral-3-14b-reasoning   9.12 GB  fits, ~5.0 tok/s  chat
codestral                  ~13.3 GB  too big: 14.4 GB  code…
far                               –  cannot run
`},
		{40, `
MODEL                      HERE
ministral-3-14b-reasoning  fits, ~5.0 t…
codestral                  too big: 14.…
far                        cannot run
`},
	} {
		var b strings.Builder
		if err := catalogTable(rows, fit.Machine{}, c.columns).Write(&b, c.columns); err != nil {
			t.Fatal(err)
		}
		equal(t, "the table", "\n"+b.String(), c.want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
