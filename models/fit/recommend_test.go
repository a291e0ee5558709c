package fit

import (
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/catalog"
)

func TestRecommend(t *testing.T) {
	for _, c := range []struct {
		name    string
		machine Machine
		want    string
	}{
		{"a laptop", laptop, "ministral-3-3b"},
		{"a slow one, where the fastest is", Machine{Memory: 8e9, Free: 6e9, Bandwidth: 10e9}, "ministral-3-3b"},
		{"a fast one", Machine{Memory: 32e9, Free: 28e9, Bandwidth: 75e9}, "ministral-3-8b"},
		{"a workstation", workstation, "ministral-3-14b"},
		{"a card", gaming, "ministral-3-14b"},
		{"too little of everything", Machine{Memory: 2e9, Free: 1e9, Bandwidth: 10e9}, ""},
	} {
		m, ok := Recommend(catalog.Embedded().All(), c.machine, engine.LoadOptions{})
		if m.Name != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, want %q", c.name, m.Name, c.want)
		}
	}
}

func TestAt(t *testing.T) {
	m, _ := FromCatalog(model(t, "codestral"))
	plans, err := Plans(m, laptop, engine.LoadOptions{}, "Q2_K")
	if err != nil || len(plans) != len(qualities)+1 || plans[0].Type != "Q8_0" || plans[len(plans)-1].Type != "Q2_K" {
		t.Fatalf("%+v, %v", plans, err)
	}
	if plans, err = Plans(m, laptop, engine.LoadOptions{}, "Q4_K_M"); err != nil || len(plans) != len(qualities) {
		t.Errorf("%d plans, %v", len(plans), err)
	}
	if _, err := Plans(m, laptop, engine.LoadOptions{}, "Q9"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a type that is none: %v", err)
	}
}
