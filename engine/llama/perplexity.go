//go:build cgo

package llama

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/bise-sh/bise/fault"
)

// Perplexity evaluates a text in context windows, as llama-perplexity does: only the
// second half of each window counts, where every token has enough context. With a base,
// which must have the same vocabulary, both models evaluate each window and their
// probabilities are compared. Perplexity calls progress, which may be nil, after each
// window.
func (e *Engine) Perplexity(ctx context.Context, text string, o PerplexityOptions, base *Engine, progress func(p Perplexity, windows int)) (Perplexity, error) {
	size := cmp.Or(o.Context, defaultWindow)
	list, err := e.windows(text, size, o.Windows)
	if err != nil {
		return Perplexity{}, err
	}
	if e.instance.params.embeddings {
		return Perplexity{}, &fault.Error{Kind: fault.Unsupported, Msg: fmt.Sprintf("%s is an embedding model: it cannot generate text", e.name), Advice: "Use a model that generates text."}
	}
	if base != nil {
		if err := e.sameVocabulary(base); err != nil {
			return Perplexity{}, err
		}
	}
	first := size / 2
	s := &surprise{threads: e.instance.params.threads, size: size}
	for i, window := range list {
		s.targets = window[first+1:]
		var before [][]float32
		if base != nil {
			if before, err = base.logitsFrom(ctx, window, first); err != nil {
				return Perplexity{}, err
			}
		}
		err := e.alone(size, func(x *instance) error {
			return evaluate(ctx, x.x, window, first, func(at int, rows [][]float32) {
				var theirs [][]float32
				if before != nil {
					theirs = before[at-first:]
				}
				s.add(at-first, rows, theirs)
			})
		})
		if err != nil {
			return Perplexity{}, err
		}
		s.windows++
		if progress != nil && i+1 < len(list) {
			progress(s.result(base != nil), len(list))
		}
	}
	return s.result(base != nil), nil
}

// sameVocabulary refuses a base whose tokens are not the model's.
func (e *Engine) sameVocabulary(base *Engine) error {
	differ := e.vocab.Len() != base.vocab.Len()
	for id := int32(0); !differ && int(id) < e.vocab.Len(); id++ {
		differ = string(e.vocab.Piece(id)) != string(base.vocab.Piece(id))
	}
	if differ {
		return &fault.Error{Kind: fault.Invalid, Msg: fmt.Sprintf("%s and %s have different vocabularies", e.name, base.name), Advice: "Compare a model with what it was quantized from."}
	}
	return nil
}

// logitsFrom copies what a model makes of each token of a window from first on.
func (e *Engine) logitsFrom(ctx context.Context, window []token, first int) (all [][]float32, err error) {
	err = e.alone(len(window), func(c *instance) error {
		return evaluate(ctx, c.x, window, first, func(_ int, rows [][]float32) {
			for _, row := range rows {
				all = append(all, slices.Clone(row))
			}
		})
	})
	return all, err
}

// surprise sums up over tokens.
type surprise struct {
	threads, size int
	targets       []token // of the window, from its second half on
	windows       int

	loss, baseLoss, ratio, kl mean
	kls                       []float64
	same                      int
	delta                     float64 // squared
}

// mean is of numbers that come one after the other.
type mean struct {
	n           int
	sum, square float64
}

func (m *mean) add(x float64) {
	m.n++
	m.sum += x
	m.square += x * x
}

func (m *mean) value() float64 { return m.sum / float64(m.n) }

// err is the standard error of the mean.
func (m *mean) err() float64 {
	v := m.square/float64(m.n) - m.value()*m.value()
	if v <= 0 || m.n < 2 {
		return 0
	}
	return math.Sqrt(v / float64(m.n-1))
}

// comparison holds the two models' results for one token.
type comparison struct {
	loss, baseLoss, kl float64
	same               bool
}

// add counts the tokens after places at, at+1, … of the window's second half, to
// go by the rows of logits there; base has the other model's rows, or nothing.
// The last place of a window has nothing after it.
func (s *surprise) add(at int, rows, base [][]float32) {
	rows = rows[:min(len(rows), len(s.targets)-at)]
	found := make([]comparison, len(rows))
	var wg sync.WaitGroup
	for worker := range s.threads {
		wg.Go(func() {
			for i := worker; i < len(rows); i += s.threads {
				var theirs []float32
				if base != nil {
					theirs = base[i]
				}
				found[i] = compare(rows[i], theirs, s.targets[at+i])
			}
		})
	}
	wg.Wait()
	for _, c := range found {
		s.loss.add(c.loss)
		if base == nil {
			continue
		}
		s.baseLoss.add(c.baseLoss)
		s.ratio.add(c.loss - c.baseLoss)
		s.kl.add(c.kl)
		s.kls = append(s.kls, c.kl)
		if c.same {
			s.same++
		}
		d := math.Exp(-c.loss) - math.Exp(-c.baseLoss)
		s.delta += d * d
	}
}

func compare(row, base []float32, target token) comparison {
	norm, top := logSum(row)
	c := comparison{loss: norm - float64(row[target])}
	if base == nil {
		return c
	}
	baseNorm, baseTop := logSum(base)
	c.baseLoss, c.same = baseNorm-float64(base[target]), top == baseTop
	for i, x := range base {
		if lp := float64(x) - baseNorm; lp > -100 { // less adds nothing
			c.kl += math.Exp(lp) * (lp - float64(row[i]) + norm)
		}
	}
	c.kl = max(0, c.kl) // never less, but for rounding
	return c
}

// logSum is the logarithm of the sum of the exponentials, and where the largest is.
func logSum(row []float32) (norm float64, top int) {
	for i, x := range row {
		if x > row[top] {
			top = i
		}
	}
	largest := float64(row[top])
	sum := 0.0
	for _, x := range row {
		sum += math.Exp(float64(x) - largest)
	}
	return largest + math.Log(sum), top
}

func (s *surprise) result(compared bool) Perplexity {
	ppl := math.Exp(s.loss.value())
	p := Perplexity{Perplexity: ppl, Error: ppl * s.loss.err(), Tokens: s.loss.n, Windows: s.windows, Context: s.size}
	if !compared {
		return p
	}
	n := float64(s.kl.n)
	basePPL := math.Exp(s.baseLoss.value())
	same := float64(s.same) / n
	sorted := slices.Sorted(slices.Values(s.kls))
	p.Divergence = &Divergence{
		BasePerplexity: basePPL, BaseError: basePPL * s.baseLoss.err(),
		LogRatio: s.ratio.value(), LogRatioError: s.ratio.err(),
		KL: s.kl.value(), KLError: s.kl.err(),
		KLMedian: sorted[len(sorted)/2], KL99: sorted[len(sorted)*99/100], KLMax: sorted[len(sorted)-1],
		SameTop: same, SameTopError: math.Sqrt(same * (1 - same) / max(1, n-1)),
		RMSDelta: math.Sqrt(s.delta / n),
	}
	return p
}
