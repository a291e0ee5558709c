package licence

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, c := range []struct{ typed, id string }{
		{"apache-2.0", "Apache-2.0"},
		{" Apache-2.0 ", "Apache-2.0"},
		{"mrl", "MRL-0.1"},
		{"MRL-0.1", "MRL-0.1"},
		{"mnpl", "MNPL-0.1"},
		{"Modified MIT", "Modified-MIT"},
		{"cc-by-nc-4.0", "CC-BY-NC-4.0"},
		{"mit", "MIT"},
		{"gpl-3.0", ""},
		{"", ""},
	} {
		l, ok := Find(c.typed)
		if l.ID != c.id || ok != (c.id != "") {
			t.Errorf("Find(%q) is %q, %v; want %q", c.typed, l.ID, ok, c.id)
		}
	}
}

func TestAllAreComplete(t *testing.T) {
	seen := map[string]string{}
	for _, l := range All() {
		if l.Name == "" || l.short == "" || strings.Count(l.Summary, ".") < 1 || !strings.HasSuffix(l.Summary, ".") {
			t.Errorf("%s is not complete: %+v", l.ID, l)
		}
		if l.Ask != (len(l.Forbids) > 0) {
			t.Errorf("%s forbids %v and asks: %v", l.ID, l.Forbids, l.Ask)
		}
		if l.Ask && l.Restrictions() == "" {
			t.Errorf("%s has limits that no list shows", l.ID)
		}
		for _, name := range append([]string{strings.ToLower(l.ID)}, l.aliases...) {
			if other := seen[name]; other != "" {
				t.Errorf("%q is both %s and %s", name, other, l.ID)
			}
			if name != strings.ToLower(name) {
				t.Errorf("%q of %s would never be found", name, l.ID)
			}
			seen[name] = l.ID
		}
	}
}

func TestOf(t *testing.T) {
	const link = "https://example.org/LICENSE"
	for _, c := range []struct {
		id, link               string
		want, wantLink, limits string
		ask                    bool
	}{
		{"mnpl", link, "MNPL-0.1", "https://mistral.ai/licenses/MNPL-0.1.md", "not for commercial use", true},
		{"mrl", "", "MRL-0.1", "https://mistral.ai/licenses/MRL-0.1.md", "research only", true},
		{"modified mit", link, "Modified-MIT", link, "not for large companies", true},
		{"apache-2.0", "", "Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0", "", false},
		{"", link, Unstated, link, "licence not stated", true},
		{"unknown", "", Unstated, "", "licence not stated", true},
		{"custom", link, "custom", link, "licence custom", true},
		{"openrail", link, "openrail", link, "licence openrail", true},
	} {
		l := Of(c.id, c.link)
		if l.ID != c.want || l.Link != c.wantLink || l.Ask != c.ask || l.Restrictions() != c.limits {
			t.Errorf("Of(%q) is %s, %s, ask %v, %q; want %s, %s, %v, %q", c.id, l.ID, l.Link, l.Ask, l.Restrictions(), c.want, c.wantLink, c.ask, c.limits)
		}
		if strings.HasSuffix(l.Label(), "⚠") != c.ask {
			t.Errorf("%s is marked %q", c.id, l.Label())
		}
	}
}

func TestDigest(t *testing.T) {
	if got := Digest(nil); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("the digest of nothing is %q", got)
	}
}

func TestIdentify(t *testing.T) {
	for _, c := range []struct{ text, id string }{
		{"                                 Apache License\n                           Version 2.0, January 2004\n", "Apache-2.0"},
		{"# Mistral AI Non-Production License\n\nVersion 0.1", "MNPL-0.1"},
		{"Mistral AI Research\nLicense", "MRL-0.1"},
		{"MIT License\n\nCopyright (c)", "MIT"},
		{"Modified MIT License\n", "Modified-MIT"},
		{"Attribution-NonCommercial 4.0 International", "CC-BY-NC-4.0"},
		{"Be good.", ""},
		{"", ""},
		{strings.Repeat("x", 1000) + "MIT License", ""},
	} {
		l, ok := Identify([]byte(c.text))
		if l.ID != c.id || ok != (c.id != "") {
			t.Errorf("%.40q is %q, want %q", c.text, l.ID, c.id)
		}
	}
}
