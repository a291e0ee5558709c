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

func TestPlans(t *testing.T) {
	m, _ := FromCatalog(model(t, "codestral"))
	plans, err := Plans(m, laptop, engine.LoadOptions{})
	if err != nil || len(plans) != len(qualities) || plans[0].Type != "Q8_0" || plans[len(plans)-1].Type != "Q3_K_M" {
		t.Fatalf("%+v, %v", plans, err)
	}
	if q, err := m.Quantized("Q2_K"); err != nil || q.Plan(laptop, engine.LoadOptions{}).Weights >= plans[len(plans)-1].Weights {
		t.Errorf("Q2_K is not smaller than Q3_K_M: %v", err)
	}
	if _, err := m.Quantized("Q9"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an unknown type: %v", err)
	}
}
