package grammar

import (
	"context"
	"fmt"
	"math/big"
	"strings"
)

// A bound is one end of a range of numbers.
type bound struct {
	v         *big.Rat
	exclusive bool
}

// numbers are the numbers that a schema allows.
type numbers struct {
	whole    bool
	min, max *bound
	divisors []int
}

const (
	wholeDigits    = 16 // digits before the point where no bound has more
	fractionDigits = 16
	maxDigits      = 60 // of a bound
	maxDivisor     = 10_000
)

// setMin keeps the stricter of two lower bounds, setMax of two upper ones.
func (n *numbers) setMin(b bound) {
	if n.min == nil || b.v.Cmp(n.min.v) > 0 || b.v.Cmp(n.min.v) == 0 && b.exclusive {
		n.min = &b
	}
}

func (n *numbers) setMax(b bound) {
	if n.max == nil || b.v.Cmp(n.max.v) < 0 || b.v.Cmp(n.max.v) == 0 && b.exclusive {
		n.max = &b
	}
}

// language returns the texts of the numbers. Whole numbers have no fraction and no
// exponent, numbers of a range no exponent.
func (n *numbers) language(ctx context.Context) (*lang, error) {
	whole := n.whole || len(n.divisors) > 0
	if !whole && n.min == nil && n.max == nil {
		return exactly(ctx, fmt.Sprintf(`-?(0|[1-9][0-9]{0,%d})(\.[0-9]{1,%d})?([eE][+-]?[0-9]{1,2})?`, wholeDigits-1, fractionDigits))
	}
	zero := new(big.Rat)
	positive, err := rangeOf(ctx, n.min, n.max, whole)
	if err != nil {
		return nil, err
	}
	// The negative numbers are the positive ones of the mirrored range, without zero.
	mirror := func(b *bound) *bound {
		if b == nil {
			return nil
		}
		return &bound{new(big.Rat).Neg(b.v), b.exclusive}
	}
	lower, upper := mirror(n.max), mirror(n.min)
	if lower == nil || lower.v.Cmp(zero) <= 0 {
		lower = &bound{zero, true}
	}
	negative, err := rangeOf(ctx, lower, upper, whole)
	if err != nil {
		return nil, err
	}
	signed := &lang{[]state{{arcs: []arc{{'-', '-', 1}}}}}
	for _, s := range negative.states {
		arcs := make([]arc, len(s.arcs))
		for i, a := range s.arcs {
			arcs[i] = arc{a.lo, a.hi, a.to + 1}
		}
		signed.states = append(signed.states, state{s.accept, arcs})
	}
	out, err := combine(positive, signed.trim(), or)
	for _, d := range n.divisors {
		if err == nil {
			out, err = combine(out, multiplesOf(d), and)
		}
	}
	return out, err
}

// rangeOf returns the decimals from lo to hi that are not negative.
func rangeOf(ctx context.Context, lo, hi *bound, whole bool) (*lang, error) {
	digits, decimals := wholeDigits, fractionDigits
	for _, b := range []*bound{lo, hi} {
		if b != nil {
			i, f, err := decimal(new(big.Rat).Abs(b.v))
			if err != nil {
				return nil, err
			}
			digits, decimals = max(digits, len(i)+1), max(decimals, len(f)+1)
		}
	}
	fraction := fmt.Sprintf(`(\.[0-9]{1,%d})?`, decimals)
	if whole {
		fraction = ""
	}
	out, err := exactly(ctx, fmt.Sprintf(`(0|[1-9][0-9]{0,%d})`, digits-1)+fraction)
	for _, side := range []struct {
		b    *bound
		expr func(i, f string, exclusive, whole bool) string
	}{{lo, atLeast}, {hi, atMost}} {
		if err != nil || side.b == nil {
			continue
		}
		b := side.b
		upper := side.b == hi
		if b.v.Sign() < 0 || upper && b.v.Sign() == 0 && b.exclusive {
			if upper {
				return &lang{[]state{{}}}, nil
			}
			continue
		}
		i, f, err2 := decimal(b.v)
		if err2 != nil {
			return nil, err2
		}
		var l *lang
		if l, err = exactly(ctx, side.expr(i, f, b.exclusive, whole)); err == nil {
			out, err = combine(out, l, and)
		}
	}
	return out, err
}

// decimal writes a number that is not negative as the digits before and after the point.
func decimal(v *big.Rat) (whole, fraction string, err error) {
	s := v.FloatString(maxDigits)
	if back, ok := new(big.Rat).SetString(s); !ok || back.Cmp(v) != 0 {
		return "", "", fmt.Errorf("it has more than %d decimals", maxDigits)
	}
	whole, fraction, _ = strings.Cut(s, ".")
	if len(whole) > maxDigits {
		return "", "", fmt.Errorf("it has more than %d digits", maxDigits)
	}
	return whole, strings.TrimRight(fraction, "0"), nil
}

// wholeAbove and wholeBelow match the whole numbers that are greater or less than i.
func wholeAbove(i string) string {
	alts := []string{fmt.Sprintf("[1-9][0-9]{%d,}", len(i))}
	for k := range len(i) {
		if i[k] < '9' {
			alts = append(alts, fmt.Sprintf("%s[%c-9][0-9]{%d}", i[:k], max(i[k]+1, '1'), len(i)-k-1))
		}
	}
	return "(" + strings.Join(alts, "|") + ")"
}

func wholeBelow(i string) string {
	alts := []string{"[^0-9]{2}x"} // matches no number
	if len(i) > 1 {
		alts = append(alts, fmt.Sprintf("0|[1-9][0-9]{0,%d}", len(i)-2))
	}
	for k := range len(i) {
		if i[k] > '0' {
			alts = append(alts, fmt.Sprintf("%s[0-%c][0-9]{%d}", i[:k], i[k]-1, len(i)-k-1))
		}
	}
	return "(" + strings.Join(alts, "|") + ")"
}

// atLeast matches the decimals from i.f on.
func atLeast(i, f string, exclusive, whole bool) string {
	if whole {
		if f != "" || exclusive {
			return wholeAbove(i)
		}
		return wholeAbove(i) + "|" + i
	}
	var alts []string
	for k := range len(f) {
		if f[k] < '9' {
			alts = append(alts, fmt.Sprintf("%s[%c-9][0-9]*", f[:k], f[k]+1))
		}
	}
	if exclusive {
		alts = append(alts, f+"0*[1-9][0-9]*")
	} else {
		alts = append(alts, f+"[0-9]*")
	}
	expr := wholeAbove(i) + `(\.[0-9]*)?|` + i + `\.(` + strings.Join(alts, "|") + ")"
	if f == "" && !exclusive {
		expr += "|" + i
	}
	return expr
}

// atMost matches the decimals up to i.f.
func atMost(i, f string, exclusive, whole bool) string {
	if whole {
		if f != "" || !exclusive {
			return wholeBelow(i) + "|" + i
		}
		return wholeBelow(i)
	}
	expr := wholeBelow(i) + `(\.[0-9]*)?`
	if f == "" && exclusive {
		return expr
	}
	var alts []string
	for k := range len(f) {
		alts = append(alts, f[:k]) // less, as what follows is not zero
		alts = append(alts, fmt.Sprintf("%s[0-%c][0-9]*", f[:k], f[k]-1))
		if f[k] == '0' {
			alts = alts[:len(alts)-1]
		}
	}
	if !exclusive {
		alts = append(alts, f+"0*")
	}
	return expr + "|" + i + `(\.(` + strings.Join(alts, "|") + "))?"
}

// exactly returns the texts that match an expression from end to end.
func exactly(ctx context.Context, expr string) (*lang, error) {
	return parseRegexp(ctx, `\A(?:`+expr+`)\z`)
}
