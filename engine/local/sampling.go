// Package local has what the engines that run a model on this machine have in common: the defaults of
// sampling, the constraints of an answer, and how a conversation that is too long is shortened.
package local

import (
	"math/rand/v2"

	"github.com/bise-sh/bise/engine"
)

// The defaults of sampling. Temperature and top_p are La Plateforme's for its chat models;
// min_p, llama.cpp's default, removes the tail that quantization makes noisy.
const (
	ChatTemperature = 0.7
	defaultTopP     = 1
	defaultMinP     = 0.05
	defaultLastN    = 64
	// Presence and frequency penalties count what the answer holds, which the
	// requests bound with max_tokens rather than with repeat_last_n.
	wholeAnswer = 1 << 14
)

// Settings are the sampling of a request with all defaults set.
type Settings struct {
	Temperature, TopP, MinP, TypicalP float64
	TopK                              int
	Repeat, Presence, Frequency       float64
	LastN                             int // tokens that the penalties look back on
	DRYMultiplier, DRYBase            float64
	DRYAllowedLength, DRYLastN        int // DRYLastN -1: all
	DRYBreakers                       []string
	Bias                              map[int32]float64
	Seed                              uint32
}

// Settle sets the defaults of a request.
func Settle(r *engine.Sampling, temperature float64) Settings {
	s := Settings{
		Temperature: or(r.Temperature, temperature),
		TopP:        or(r.TopP, defaultTopP),
		MinP:        or(r.MinP, defaultMinP),
		TypicalP:    or(r.TypicalP, 1),
		TopK:        or(r.TopK, 0),
		Repeat:      or(r.RepeatPenalty, 1),
		Presence:    or(r.PresencePenalty, 0),
		Frequency:   or(r.FrequencyPenalty, 0),
		LastN:       or(r.RepeatLastN, defaultLastN),

		DRYMultiplier:    or(r.DRYMultiplier, 0),
		DRYBase:          or(r.DRYBase, 1.75),
		DRYAllowedLength: or(r.DRYAllowedLength, 2),
		DRYLastN:         or(r.DRYPenaltyLastN, -1),
		DRYBreakers:      r.DRYBreakers,
		Bias:             r.LogitBias,
		Seed:             rand.Uint32(),
	}
	// A request that says itself how to cut the distribution gets that.
	if r.MinP == nil && (r.TopP != nil || r.TopK != nil) {
		s.MinP = 0
	}
	if s.LastN < 0 || r.RepeatLastN == nil && s.Repeat == 1 {
		s.LastN = wholeAnswer
	}
	if s.DRYBreakers == nil {
		s.DRYBreakers = []string{"\n", ":", "\"", "*"}
	}
	if r.Seed != nil {
		s.Seed = uint32(*r.Seed) ^ uint32(*r.Seed>>32)
	}
	return s
}

// RemembersPrompt reports whether the penalties count the prompt too: those
// against repetition do, those on what an answer says do not.
func (s Settings) RemembersPrompt() bool { return s.Repeat != 1 || s.DRYMultiplier != 0 }

// LookBack is how many tokens the penalties can see.
func (s Settings) LookBack() int {
	if s.DRYMultiplier != 0 && s.DRYLastN < 0 {
		return wholeAnswer
	}
	return max(s.LastN, s.DRYLastN)
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
