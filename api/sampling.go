package api

import (
	"math"
	"strconv"

	"github.com/bise-sh/bise/engine"
)

const (
	maxChoices  = 128 // answers to one request
	maxStops    = 64  // stop strings
	maxTop      = 20  // alternatives for a token, as OpenAI allows
	maxBreakers = 64
)

// sampling reads how tokens are chosen. Names and ranges are La Plateforme's;
// unless strict, also those of OpenAI, vLLM and llama.cpp.
func (o *object) sampling() engine.Sampling {
	hottest := 5.0 // as the contract has it; OpenAI allows 2
	if o.r.strict {
		hottest = 1.5
	}
	s := engine.Sampling{
		Temperature:      o.number("temperature", 0, hottest),
		TopP:             o.number("top_p", 0, 1),
		PresencePenalty:  o.number("presence_penalty", -2, 2),
		FrequencyPenalty: o.number("frequency_penalty", -2, 2),
	}
	if v, ok := o.alias("max_tokens", "max_completion_tokens"); ok {
		s.MaxTokens = new(int(v.integer(0, math.MaxInt32)))
	}
	s.MinTokens = optional(o, "min_tokens", between(0, math.MaxInt32))
	s.Stop = optional(o, "stop", func(v value) engine.StringList { return v.strings(maxStops) })
	s.N = optional(o, "n", between(1, maxChoices))
	if v, ok := o.get("random_seed"); ok {
		s.Seed = new(v.integer(0, math.MaxInt64))
	} else if v, ok := o.alias("random_seed", "seed"); ok {
		if n := v.integer(math.MinInt64, math.MaxInt64); n >= 0 { // below: llama.cpp's way to say any
			s.Seed = &n
		}
	}
	if !o.r.strict {
		o.extensions(&s)
	}
	if s.Temperature != nil && *s.Temperature == 0 && s.TopP != nil && *s.TopP != 1 && o.r.strict {
		o.r.reject(newRefusal("top_p", "top_p must be 1 when using greedy sampling"))
	}
	return s
}

// extensions reads settings that La Plateforme does not have.
func (o *object) extensions(s *engine.Sampling) {
	s.MinP = o.number("min_p", 0, 1)
	s.TypicalP = o.number("typical_p", 0, 1)
	s.RepeatLastN = o.integer("repeat_last_n", -1, math.MaxInt32)
	s.DRYMultiplier = o.number("dry_multiplier", 0, math.MaxFloat64)
	s.DRYBase = o.number("dry_base", 0, math.MaxFloat64)
	s.DRYAllowedLength = o.integer("dry_allowed_length", 0, math.MaxInt32)
	s.DRYPenaltyLastN = o.integer("dry_penalty_last_n", -1, math.MaxInt32)
	s.Grammar = o.string("grammar")
	if v, ok := o.get("top_k"); ok {
		s.TopK = new(int(max(0, v.integer(-1, math.MaxInt32)))) // vLLM's off is -1
	}
	if v, ok := o.alias("repeat_penalty", "repetition_penalty"); ok {
		s.RepeatPenalty = new(v.number(0, math.MaxFloat64))
	}
	s.DRYBreakers = optional(o, "dry_sequence_breakers", func(v value) []string { return v.strings(maxBreakers) })
	s.LogitBias = optional(o, "logit_bias", value.bias)
	s.Logprobs = o.boolean("logprobs")
	s.TopLogprobs = optional(o, "top_logprobs", between(0, maxTop))
	if v, ok := o.get("prompt_lookup"); ok {
		s.Lookup = engine.Lookup(v.oneOf(string(engine.LookupAuto), string(engine.LookupCopies), string(engine.LookupOff)))
	}
}

func between(low, high int64) func(value) int {
	return func(v value) int { return int(v.integer(low, high)) }
}

// bias is an object of token ids and what is added to their logits.
func (v value) bias() map[int32]float64 {
	if !v.is('{') {
		v.violate("dict_type", "Input should be a valid dictionary", nil)
		return nil
	}
	bias := map[int32]float64{}
	for name, raw := range members(v.raw) {
		id, err := strconv.ParseInt(name, 10, 32)
		if err != nil || id < 0 {
			v.at(name, raw).violate("int_parsing", "Input should be a valid integer, unable to parse string as an integer", nil)
			continue
		}
		bias[int32(id)] = v.at(name, raw).number(-math.MaxFloat64, math.MaxFloat64)
	}
	return bias
}
