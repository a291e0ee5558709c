package fit

import (
	"cmp"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/models/catalog"
)

// Recommend returns a chat model whose licence needs no acceptance and that fits at the
// default type: the fastest up to ReadingSpeed, then the newest, then the largest. ok is
// false if none fits.
func Recommend(list []catalog.Model, h Machine, o engine.LoadOptions) (best catalog.Model, ok bool) {
	var speed float64
	for _, c := range list {
		if terms, known := c.Terms(); !known || terms.Ask || !c.Local() || !c.Current() || c.Special || !c.Has(catalog.Chat) || !c.Has(catalog.Tools) || c.Has(catalog.Thinking) || c.Shape == nil {
			continue
		}
		m, _ := FromCatalog(c)
		m, err := m.Quantized(catalog.DefaultType)
		if err != nil {
			continue
		}
		p := m.Plan(h, o)
		if p.Verdict != Fits {
			continue
		}
		pace := min(cmp.Or(p.pace, ReadingSpeed), ReadingSpeed) // faster is of no use
		better := cmp.Or(cmp.Compare(pace, speed), cmp.Compare(c.Released, best.Released), cmp.Compare(c.Parameters, best.Parameters)) > 0
		if !ok || better {
			best, speed, ok = c, pace, true
		}
	}
	return best, ok
}

// Plans plans an unquantized model at each recommended type, the largest first.
func Plans(m Model, h Machine, o engine.LoadOptions) ([]Plan, error) {
	var plans []Plan
	for _, k := range qualities {
		q, err := m.Quantized(k)
		if err != nil {
			return nil, err
		}
		plans = append(plans, q.Plan(h, o))
	}
	slices.SortStableFunc(plans, func(a, b Plan) int { return cmp.Compare(b.Weights, a.Weights) })
	return plans, nil
}
