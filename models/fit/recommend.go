package fit

import (
	"cmp"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/models/catalog"
)

// Recommend is the model for a user who only wants to ask questions: one whose licence
// asks for nothing, that fits at the usual type and is comfortable to read. Of several it
// is the newest, then the largest; where all are slow, the fastest that fits. Ok is false
// where none fits.
func Recommend(list []catalog.Model, h Machine, o engine.LoadOptions) (best catalog.Model, ok bool) {
	var speed float64
	for _, c := range list {
		if terms, known := c.Terms(); !known || terms.Ask || !c.Local() || !c.Current() || !c.Has(catalog.Chat) || !c.Has(catalog.Tools) || c.Has(catalog.Thinking) || c.Shape == nil {
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
		pace := p.Speed
		if pace == 0 || pace > ReadingSpeed {
			pace = ReadingSpeed // faster is of no use
		}
		better := cmp.Or(cmp.Compare(pace, speed), cmp.Compare(c.Released, best.Released), cmp.Compare(c.Parameters, best.Parameters)) > 0
		if !ok || better {
			best, speed, ok = c, pace, true
		}
	}
	return best, ok
}

// Plans plans a catalogued model at each of the types worth having, the best first,
// and at another if it is named.
func Plans(m Model, h Machine, o engine.LoadOptions, kind string) ([]Plan, error) {
	kinds := qualities
	if kind != "" && !slices.Contains(kinds, kind) {
		kinds = append(slices.Clone(kinds), kind)
	}
	var plans []Plan
	for _, k := range kinds {
		q, err := m.Quantized(k)
		if err != nil {
			return nil, err
		}
		plans = append(plans, q.Plan(h, o))
	}
	slices.SortStableFunc(plans, func(a, b Plan) int { return cmp.Compare(b.Weights, a.Weights) })
	return plans, nil
}
