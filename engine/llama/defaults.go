//go:build cgo

package llama

import (
	"math/rand/v2"

	"github.com/bise-sh/bise/engine"
)

// The defaults of sampling. Temperature and top_p are La Plateforme's for its chat models;
// min_p, llama.cpp's default, removes the tail that quantization makes noisy.
const (
	defaultTemperature = 0.7
	defaultTopP        = 1
	defaultMinP        = 0.05
	defaultLastN       = 64
	// Presence and frequency penalties count what the answer holds, which the
	// requests bound with max_tokens rather than with repeat_last_n.
	wholeAnswer = 1 << 14
)

// settle sets the defaults of a request.
func settle(r *engine.Sampling, temperature float64) sampling {
	s := sampling{
		temperature: or(r.Temperature, temperature),
		topP:        or(r.TopP, defaultTopP),
		minP:        or(r.MinP, defaultMinP),
		typicalP:    or(r.TypicalP, 1),
		topK:        or(r.TopK, 0),
		repeat:      or(r.RepeatPenalty, 1),
		presence:    or(r.PresencePenalty, 0),
		frequency:   or(r.FrequencyPenalty, 0),
		lastN:       or(r.RepeatLastN, defaultLastN),

		dryMultiplier:    or(r.DRYMultiplier, 0),
		dryBase:          or(r.DRYBase, 1.75),
		dryAllowedLength: or(r.DRYAllowedLength, 2),
		dryLastN:         or(r.DRYPenaltyLastN, -1),
		dryBreakers:      r.DRYBreakers,
		bias:             r.LogitBias,
		seed:             rand.Uint32(),
	}
	// A request that says itself how to cut the distribution gets that.
	if r.MinP == nil && (r.TopP != nil || r.TopK != nil) {
		s.minP = 0
	}
	if s.lastN < 0 || r.RepeatLastN == nil && s.repeat == 1 {
		s.lastN = wholeAnswer
	}
	if s.dryBreakers == nil {
		s.dryBreakers = []string{"\n", ":", "\"", "*"}
	}
	if r.Seed != nil {
		s.seed = uint32(*r.Seed) ^ uint32(*r.Seed>>32)
	}
	return s
}

// remembersPrompt reports whether the penalties count the prompt too: those
// against repetition do, those on what an answer says do not.
func (s sampling) remembersPrompt() bool { return s.repeat != 1 || s.dryMultiplier != 0 }

// lookBack is how many tokens the penalties can see.
func (s sampling) lookBack() int {
	if s.dryMultiplier != 0 && s.dryLastN < 0 {
		return wholeAnswer
	}
	return max(s.lastN, s.dryLastN)
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
