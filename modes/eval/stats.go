package eval

import (
	"math"
	"time"
)

// A Score sums up outcomes.
type Score struct {
	Metric     Metric        `json:"metric,omitempty"` // "": all
	Cases      int           `json:"cases"`
	Right      int           `json:"right"`
	Low        float64       `json:"low"` // of the 95 % interval of the share
	High       float64       `json:"high"`
	Similarity float64       `json:"similarity,omitempty"` // mean, of Infill
	Cut        int           `json:"cut,omitempty"`
	Failed     int           `json:"failed,omitempty"` // without an answer
	Generated  int           `json:"generated_tokens"`
	Time       time.Duration `json:"time_ns"` // of all cases, which overlap
}

// Share is the share of right answers.
func (s Score) Share() float64 {
	if s.Cases == 0 {
		return 0
	}
	return float64(s.Right) / float64(s.Cases)
}

// Scores sums up outcomes for each metric in them, and for all if there are several.
func Scores(outcomes []Outcome) []Score {
	by := map[Metric]*Score{}
	var all Score
	for _, o := range outcomes {
		s := by[o.Metric]
		if s == nil {
			s = &Score{Metric: o.Metric}
			by[o.Metric] = s
		}
		s.add(o)
		all.add(o)
	}
	var list []Score
	for _, m := range []Metric{Exact, Contains, Numeric, Choice, Schema, Infill} {
		if s := by[m]; s != nil {
			s.Similarity /= float64(s.Cases)
			s.Low, s.High = Wilson(s.Right, s.Cases)
			list = append(list, *s)
		}
	}
	if len(list) > 1 {
		all.Similarity = 0
		all.Low, all.High = Wilson(all.Right, all.Cases)
		list = append(list, all)
	}
	return list
}

func (s *Score) add(o Outcome) {
	s.Cases++
	if o.OK {
		s.Right++
	}
	if o.Cut {
		s.Cut++
	}
	if o.Error != "" {
		s.Failed++
	}
	s.Similarity += o.Similarity
	s.Generated += o.Generated
	s.Time += o.Time
}

// Wilson is the 95 % score interval of a share of right out of n. Source: E. B. Wilson,
// Probable inference, the law of succession, and statistical inference, 1927.
func Wilson(right, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	p, m := float64(right)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, middle-half), min(1, middle+half)
}

// A Comparison compares two models on the same cases.
type Comparison struct {
	Both    int     `json:"both"` // right
	First   int     `json:"first_only"`
	Second  int     `json:"second_only"`
	Neither int     `json:"neither"`
	P       float64 `json:"p"` // of McNemar's exact test, two-sided
}

// Compare compares the outcomes of two models for the cases that both have.
func Compare(a, b []Outcome) Comparison {
	var c Comparison
	second := map[int]Outcome{}
	for _, o := range b {
		second[o.Line] = o
	}
	for _, x := range a {
		y, ok := second[x.Line]
		switch {
		case !ok:
		case x.OK && y.OK:
			c.Both++
		case x.OK:
			c.First++
		case y.OK:
			c.Second++
		default:
			c.Neither++
		}
	}
	c.P = mcnemar(c.First, c.Second)
	return c
}

// mcnemar is the probability that b and c, the cases on which two models differ, are at least
// as unequal by chance: the two-sided exact binomial test with p = 1/2. Source: Q. McNemar,
// Note on the sampling error of the difference between correlated proportions, 1947.
func mcnemar(b, c int) float64 {
	n, k := b+c, min(b, c)
	sum := 0.0
	for i := range k + 1 {
		x, _ := math.Lgamma(float64(n + 1))
		y, _ := math.Lgamma(float64(i + 1))
		z, _ := math.Lgamma(float64(n - i + 1))
		sum += math.Exp(x - y - z - float64(n)*math.Ln2)
	}
	return min(1, 2*sum)
}
