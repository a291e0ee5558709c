package math

import (
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
)

// tolerance is the relative tolerance of floating-point comparisons.
const tolerance = 1e-9

// Equal reports whether two answers are mathematically equal. Units are compared only
// if both answers have one; 50 % equals 50 and 0.5. A decimal number with at least three
// digits after the point equals any value that rounds to it.
func Equal(a, b Value) bool {
	if a.kind == relation && a.op == "=" && b.kind == formula {
		a, b = b, a
	}
	if a.kind == formula && b.kind == relation && b.op == "=" { // y = 2x + 1 equals 2x + 1
		_, named := b.items[0].x.(variable)
		return named && Equal(a, b.items[1])
	}
	if a.kind != b.kind {
		return false
	}
	switch a.kind {
	case words:
		return a.text == b.text
	case formula:
		if a.unit != "" && b.unit != "" && a.unit != b.unit {
			return false
		}
		return equalFormulas(a, b) || a.unit != b.unit && equalFormulas(a.fraction(), b.fraction())
	case relation:
		return a.op == b.op && (Equal(a.items[0], b.items[0]) && Equal(a.items[1], b.items[1]) || a.op == "=" && proportional(a, b))
	case set:
		return sameItems(a.items, b.items)
	case tuple:
		if a.left != b.left || a.right != b.right {
			return false
		}
	case matrix:
		if a.width != b.width {
			return false
		}
	}
	return slices.EqualFunc(a.items, b.items, Equal)
}

func sameItems(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	rest := slices.Clone(b)
	for _, x := range a {
		i := slices.IndexFunc(rest, func(y Value) bool { return Equal(x, y) })
		if i < 0 {
			return false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return true
}

func equalFormulas(a, b Value) bool {
	x, ok := exact(a.x)
	y, ok2 := exact(b.x)
	if ok && ok2 {
		return x.Cmp(y) == 0 || rounds(y, x, a.round) || rounds(x, y, b.round)
	}
	return sameEverywhere(a.x, b.x) || roundsTo(b.x, a) || roundsTo(a.x, b)
}

// fraction is the value of a percentage, 0.5 of 50 %; other values are unchanged.
func (v Value) fraction() Value {
	if v.unit != percent {
		return v
	}
	return Value{x: operation{'/', v.x, number{big.NewRat(100, 1)}}}
}

// roundsTo reports whether an irrational number rounds to a decimal one, such as √2 to 1.414.
func roundsTo(x expression, v Value) bool {
	r, ok := exact(v.x)
	if !ok || len(variables(x, nil)) > 0 {
		return false
	}
	f := at(x, nil)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return false
	}
	return rounds(new(big.Rat).SetFloat64(f), r, v.round)
}

// rounds reports whether x, rounded to digits after the point, is r.
func rounds(x, r *big.Rat, digits int) bool {
	return digits >= 3 && x.FloatString(digits) == r.FloatString(digits)
}

// near reports whether two floating-point values are equal within the tolerance.
func near(a, b float64) bool {
	return a == b || !math.IsInf(a, 0) && !math.IsInf(b, 0) && math.Abs(a-b) <= tolerance*(1+math.Abs(a)+math.Abs(b))
}

// sameEverywhere reports whether two expressions are equal at fixed pseudo-random
// points.
func sameEverywhere(a, b expression) bool {
	names := variables(a, nil)
	if !maps.Equal(names, variables(b, nil)) {
		return false // x and x·y/y count as different answers
	}
	tried := 0
	for place := range places(names) {
		x, y := at(a, place), at(b, place)
		if math.IsNaN(x) && math.IsNaN(y) {
			continue
		}
		if !near(x, y) {
			return false
		}
		tried++
	}
	return tried >= min(4, pointsFor(names))
}

func pointsFor(names map[string]bool) int {
	if len(names) == 0 {
		return 1
	}
	return 16
}

// places yields the points at which expressions are compared: positive and negative,
// small and large.
func places(names map[string]bool) func(func(map[string]float64) bool) {
	return func(yield func(map[string]float64) bool) {
		sorted := make([]string, 0, len(names))
		for n := range names {
			sorted = append(sorted, n)
		}
		slices.Sort(sorted)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range pointsFor(names) {
			place := map[string]float64{}
			for _, n := range sorted {
				x := rng.Float64()*3 + 0.1
				if i%2 == 1 {
					x = -x
				}
				if i%4 >= 2 {
					x *= 5
				}
				place[n] = x
			}
			if !yield(place) {
				return
			}
		}
	}
}

// proportional reports whether two equations are equivalent because one is a multiple
// of the other.
func proportional(a, b Value) bool {
	left := operation{'-', a.items[0].x, a.items[1].x}
	right := operation{'-', b.items[0].x, b.items[1].x}
	names := variables(left, nil)
	var ratio float64
	known := 0
	for place := range places(variables(right, names)) {
		x, y := at(left, place), at(right, place)
		if math.IsNaN(x) || math.IsNaN(y) || near(x, 0) || near(y, 0) {
			continue
		}
		if known > 0 && !near(x/y, ratio) {
			return false
		}
		ratio = x / y
		known++
	}
	return known >= 4
}
