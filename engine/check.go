package engine

import (
	"fmt"
	"math"
	"slices"

	"github.com/bise-sh/bise/fault"
)

const (
	maxChoices     = 128
	maxStops       = 64
	maxStopLength  = 1024 // bytes
	maxTopLogprobs = 20
	maxGrammar     = 1 << 20 // bytes of GBNF or JSON schema
	maxDepth       = 64      // of a JSON schema
)

// Check reports the first field that no engine can honour, as an error of kind
// Invalid.
func (s *Sampling) Check() error {
	type bound struct {
		name   string
		v      *float64
		lo, hi float64
	}
	for _, b := range []bound{
		{"temperature", s.Temperature, 0, 5},
		{"top_p", s.TopP, 0, 1},
		{"min_p", s.MinP, 0, 1},
		{"typical_p", s.TypicalP, 0, 1},
		{"presence_penalty", s.PresencePenalty, -2, 2},
		{"frequency_penalty", s.FrequencyPenalty, -2, 2},
		{"repeat_penalty", s.RepeatPenalty, 0.01, 10},
		{"dry_multiplier", s.DRYMultiplier, 0, 100},
		{"dry_base", s.DRYBase, 1, 100},
	} {
		if b.v != nil && !(*b.v >= b.lo && *b.v <= b.hi) {
			return invalid(b.name, "invalid %s %v: want %v to %v", b.name, *b.v, b.lo, b.hi)
		}
	}
	type count struct {
		name   string
		v      *int
		lo, hi int
	}
	for _, b := range []count{
		{"max_tokens", s.MaxTokens, 0, math.MaxInt32},
		{"min_tokens", &s.MinTokens, 0, math.MaxInt32},
		{"top_k", s.TopK, 0, math.MaxInt32},
		{"repeat_last_n", s.RepeatLastN, -1, 1 << 20},
		{"dry_allowed_length", s.DRYAllowedLength, 0, 1 << 20},
		{"dry_penalty_last_n", s.DRYPenaltyLastN, -1, 1 << 20},
		{"n", &s.N, 0, maxChoices},
		{"top_logprobs", &s.TopLogprobs, 0, maxTopLogprobs},
	} {
		if b.v != nil && (*b.v < b.lo || *b.v > b.hi) {
			return invalid(b.name, "invalid %s %d: want %d to %d", b.name, *b.v, b.lo, b.hi)
		}
	}
	if s.Seed != nil && *s.Seed < 0 {
		return invalid("random_seed", "invalid random_seed %d: want 0 or more", *s.Seed)
	}
	if len(s.Stop) > maxStops {
		return invalid("stop", "%d stop strings: the limit is %d", len(s.Stop), maxStops)
	}
	for _, stop := range s.Stop {
		if stop == "" || len(stop) > maxStopLength {
			return invalid("stop", "a stop string of %d bytes: want 1 to %d", len(stop), maxStopLength)
		}
	}
	for id, b := range s.LogitBias {
		if id < 0 || math.IsNaN(b) {
			return invalid("logit_bias", "invalid logit_bias %v for token %d", b, id)
		}
	}
	switch s.Lookup {
	case LookupAuto, LookupCopies, LookupOff:
	default:
		return invalid("prompt_lookup", "invalid prompt_lookup %q: want %s or %s", s.Lookup, LookupCopies, LookupOff)
	}
	if len(s.Grammar) > maxGrammar {
		return invalid("grammar", "the grammar has %d bytes: the limit is %d", len(s.Grammar), maxGrammar)
	}
	return nil
}

// Check reports what no engine can honour in the request, as an error of kind
// Invalid. What depends on the model's prompt format is the format's to check.
func (r *ChatRequest) Check() error {
	if len(r.Messages) == 0 {
		return invalid("messages", "there are no messages")
	}
	for i, m := range r.Messages {
		switch m.Role {
		case System, User, Assistant, ToolRole:
		default:
			return invalid("messages", "message %d has the invalid role %q: want system, user, assistant or tool", i+1, m.Role)
		}
		if m.Prefix && (m.Role != Assistant || i != len(r.Messages)-1) {
			return invalid("messages", "message %d has prefix set: only a last message from the assistant can have it", i+1)
		}
	}
	switch r.Overflow {
	case OverflowError, OverflowDropOldest:
	default:
		return invalid("context_overflow", "invalid context_overflow %q: want %q", r.Overflow, OverflowDropOldest)
	}
	switch r.ToolChoice.Mode {
	case "", "auto", "none", "any":
	default:
		return invalid("tool_choice", "invalid tool_choice %q: want auto, none, any or a function", r.ToolChoice.Mode)
	}
	if f := r.ToolChoice.Function; f != "" && !slices.ContainsFunc(r.Tools, func(t Tool) bool { return t.Function.Name == f }) {
		return invalid("tool_choice", "tool_choice names %q, which is not among the tools", f)
	}
	if f := r.ResponseFormat; f != nil {
		switch f.Type {
		case "", "text", "json_object":
		case "json_schema":
			if f.JSONSchema == nil {
				return invalid("response_format", "response_format has no json_schema")
			}
			if err := CheckSchema(f.JSONSchema.Schema); err != nil {
				return invalid("response_format", "invalid JSON schema: %v", err)
			}
		default:
			return invalid("response_format", "invalid response_format %q: want text, json_object or json_schema", f.Type)
		}
		if f.Type != "" && f.Type != "text" && r.Grammar != "" {
			return invalid("grammar", "grammar and response_format are mutually exclusive")
		}
	}
	return r.Sampling.Check()
}

// Check reports what no engine can honour in the request, as an error of kind
// Invalid.
func (r *CompletionRequest) Check() error {
	if len(r.Tokens) > 0 && (r.Prompt != "" || r.Suffix != "") {
		return invalid("tokens", "tokens and prompt are mutually exclusive")
	}
	return r.Sampling.Check()
}

func invalid(param, format string, args ...any) *fault.Error {
	return &fault.Error{Kind: fault.Invalid, Param: param, Msg: fmt.Sprintf(format, args...)}
}
