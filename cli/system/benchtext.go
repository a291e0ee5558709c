package system

// The texts on which bise bench measures prompt lookup.
const benchCode = `// A ring holds the last values of a series.
type ring struct {
	values []float64
	next   int
	full   bool
}

func newRing(size int) *ring { return &ring{values: make([]float64, size)} }

// add replaces the oldest value.
func (r *ring) add(v float64) {
	r.values[r.next] = v
	r.next++
	if r.next == len(r.values) {
		r.next, r.full = 0, true
	}
}

// mean is the mean of the values that were added, 0 for none.
func (r *ring) mean() float64 {
	known := r.values
	if !r.full {
		known = known[:r.next]
	}
	if len(known) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range known {
		sum += v
	}
	return sum / float64(len(known))
}

`

const benchProse = `The bise is a cold wind that blows from the north over the Swiss plateau and along the Rhône to the
south of France. It comes when the pressure is high over the British Isles and low over the Mediterranean, mostly in
winter and in spring. Between the Jura and the Alps it finds a channel that becomes narrower and narrower, so that it
is strongest at the end of the lake of Geneva. There it can blow for three days, as people say, or for six or nine.
Waves break over the quays, and in a hard winter the spray freezes on trees, benches and cars. Houses there`
