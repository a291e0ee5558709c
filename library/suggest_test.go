package library

import (
	"strings"
	"testing"

	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
)

func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		name    string
		machine fit.Machine
		want    string
	}{
		{"a slow machine", fit.Machine{Memory: 16e9, Free: 10e9, Bandwidth: 25e9}, "ministral-3-3b: best here, ministral-3-8b: better, codestral-mamba: for code"},
		{"a small one", fit.Machine{Memory: 6e9, Free: 5e9, Bandwidth: 25e9}, "ministral-3-3b: best here"},
		{"a workstation", fit.Machine{Memory: 128e9, Free: 120e9, Bandwidth: 200e9}, "ministral-3-14b: best here, mistral-small-3.2: better, codestral-mamba: for code"},
		{"too little of everything", fit.Machine{Memory: 1e9, Free: 1e9, Bandwidth: 10e9}, ""},
	} {
		all := catalog.Embedded()
		list, err := FitCatalog(all, all.All(), c.machine)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range Suggest(list) {
			got = append(got, e.Name+": "+e.Suggested)
			if text := e.FitText(c.machine); !strings.HasPrefix(text, e.Suggested) {
				t.Errorf("%s: %s is described as %q", c.name, e.Name, text)
			}
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
