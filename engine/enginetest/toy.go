package enginetest

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/bise-sh/bise/engine"
)

// A toy is a language model without weights: the logit of a token is a hash of
// the token and of all that comes before it. Words are likely, capitals at the
// beginning, and the end of the answer after some sixty words.
type toy struct {
	sampling engine.Sampling
	rng      *rand.Rand
	past     uint64 // hash of the tokens so far
	counts   map[int32]int
	n        int  // tokens written
	begins   bool // the first word begins a sentence
}

// newToy makes the model that writes one choice of a request.
func newToy(r Request, choice int, prompt []int32) *toy {
	t := &toy{sampling: r.Sampling(), past: hash(prompt), counts: map[int32]int{}}
	t.rng = generator(&t.sampling, choice)
	if r.Chat != nil {
		last := r.Chat.Messages[len(r.Chat.Messages)-1]
		t.begins = last.Role != engine.Assistant
	}
	return t
}

// generator is the source of chance for one choice: the request's seed, or a new
// one each time.
func generator(s *engine.Sampling, choice int) *rand.Rand {
	seed := rand.Uint64()
	if s.Seed != nil {
		seed = uint64(*s.Seed)
	}
	return rand.New(rand.NewPCG(seed, uint64(choice)))
}

func hash(ids []int32) uint64 {
	var h uint64
	for _, id := range ids {
		h = mix(h ^ uint64(id))
	}
	return h
}

// step writes the next token, false at the end of the answer.
func (t *toy) step() (Step, bool) {
	raw := t.logits()
	logits := slices.Clone(raw)
	t.adjust(logits)
	id := t.choose(logits)
	if id == idEOS {
		return nil, false
	}
	out := token{id: id}
	if t.sampling.Logprobs {
		out.log = t.logprob(raw, id)
	}
	t.past = mix(t.past ^ uint64(id))
	t.counts[id]++
	t.n++
	return out, true
}

// logits are those of every token, before the request's settings.
func (t *toy) logits() []float64 {
	logits := make([]float64, len(vocabulary))
	for i := range logits {
		id := int32(i)
		l := 6 * unit(mix(t.past^uint64(id)<<40))
		switch {
		case id == idEOS:
			l += float64(t.n)/8 - 8
		case id < ' ' || id > '~' && id < idWords: // unreadable, and control tokens
			l -= 25
		case id < idWords:
			l -= 6
		case (id >= idStarts) != (t.begins && t.n == 0):
			l -= 20
		}
		logits[i] = l
	}
	return logits
}

// adjust applies penalties and bias.
func (t *toy) adjust(logits []float64) {
	s := &t.sampling
	repeat := pointed(s.RepeatPenalty, 1)
	for id, n := range t.counts {
		if logits[id] > 0 && repeat > 0 {
			logits[id] /= repeat
		} else {
			logits[id] *= repeat
		}
		logits[id] -= pointed(s.PresencePenalty, 0) + float64(n)*pointed(s.FrequencyPenalty, 0)
	}
	for id, bias := range s.LogitBias {
		logits[id] += bias
	}
	// A control token other than the end has no text; the toy writes none.
	for id := idBOS; id < idWords; id++ {
		if id != idEOS || t.n < s.MinTokens {
			logits[id] = math.Inf(-1)
		}
	}
}

// choose takes the likeliest token, or one by chance when there is a temperature.
func (t *toy) choose(logits []float64) int32 {
	ids := byLogit(logits)
	temperature := pointed(t.sampling.Temperature, 0)
	if temperature == 0 {
		return ids[0]
	}
	if k := pointed(t.sampling.TopK, 0); k > 0 && k < len(ids) {
		ids = ids[:k]
	}
	weights := make([]float64, len(ids))
	var sum float64
	for i, id := range ids {
		weights[i] = math.Exp((logits[id] - logits[ids[0]]) / temperature)
		sum += weights[i]
	}
	// top_p and min_p keep the likeliest tokens, at least one.
	kept, mass := 0, 0.0
	for kept < len(ids) && (kept == 0 || mass < pointed(t.sampling.TopP, 1)*sum && weights[kept] >= pointed(t.sampling.MinP, 0)) {
		mass += weights[kept]
		kept++
	}
	x := t.rng.Float64() * mass
	for i := range kept {
		if x -= weights[i]; x < 0 {
			return ids[i]
		}
	}
	return ids[0]
}

// byLogit are all ids, the likeliest first.
func byLogit(logits []float64) []int32 {
	ids := make([]int32, len(logits))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortStableFunc(ids, func(a, b int32) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return 0
	})
	return ids
}

// logprob tells the probability of a token and of its likeliest alternatives.
func (t *toy) logprob(logits []float64, id int32) engine.Logprob {
	var sum float64
	for _, l := range logits {
		sum += math.Exp(l)
	}
	one := func(id int32) engine.Logprob {
		piece := vocabulary[id]
		return engine.Logprob{Token: piece, ID: id, Logprob: logits[id] - math.Log(sum), Bytes: bytesOf(piece)}
	}
	log := one(id)
	if k := t.sampling.TopLogprobs; k > 0 {
		for _, id := range byLogit(logits)[:k] {
			log.Top = append(log.Top, one(id))
		}
	}
	return log
}
