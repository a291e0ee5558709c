package enginetest

import (
	"fmt"
	"math"

	"github.com/bise-sh/bise/engine"
)

func invalid(param, format string, args ...any) error {
	return &engine.Error{Kind: engine.Invalid, Param: param, Msg: param + ": " + fmt.Sprintf(format, args...)}
}

func unsupported(what string) error {
	return &engine.Error{Kind: engine.Unsupported, Msg: "the model cannot " + what, Advice: "Choose a model that can."}
}

func checkChat(r *engine.ChatRequest, info engine.Info) error {
	if !info.Can.Chat {
		return unsupported("chat")
	}
	if len(r.Messages) == 0 {
		return invalid("messages", "there must be at least one")
	}
	for i, m := range r.Messages {
		switch m.Role {
		case engine.System, engine.User, engine.Assistant, engine.ToolRole:
		default:
			return invalid("messages", "message %d has the unknown role %q", i, m.Role)
		}
		for _, k := range m.Content {
			switch k.Type {
			case engine.TextChunk, engine.ThinkingChunk:
			case engine.ImageChunk:
				if !info.Can.Vision {
					return unsupported("look at pictures")
				}
			default:
				return invalid("messages", "message %d has a chunk of the unknown type %q", i, k.Type)
			}
		}
	}
	last := r.Messages[len(r.Messages)-1]
	if last.Role != engine.User && last.Role != engine.ToolRole && !(last.Role == engine.Assistant && last.Prefix) {
		return invalid("messages", "the last one must be from the user or a tool, or an assistant's prefix, not from %q", last.Role)
	}
	if len(r.Tools) > 0 && !info.Can.Tools {
		return unsupported("call tools")
	}
	switch r.Overflow {
	case engine.OverflowError, engine.OverflowDropOldest:
	default:
		return invalid("context_overflow", "%q is not known", r.Overflow)
	}
	switch r.ToolChoice.Mode {
	case "", "auto", "none", "any":
	default:
		return invalid("tool_choice", "%q is not known", r.ToolChoice.Mode)
	}
	if f := r.ResponseFormat; f != nil {
		switch f.Type {
		case "text", "json_object":
		case "json_schema":
			if f.JSONSchema == nil || len(f.JSONSchema.Schema) == 0 {
				return invalid("response_format", "json_schema has no schema")
			}
		default:
			return invalid("response_format", "the type %q is not known", f.Type)
		}
	}
	return checkSampling(&r.Sampling)
}

func checkCompletion(r *engine.CompletionRequest, info engine.Info) error {
	if r.Suffix != "" && !info.Can.FIM {
		return unsupported("fill in the middle")
	}
	for _, id := range r.Tokens {
		if id < 0 || int(id) >= len(vocabulary) {
			return invalid("tokens", "there is no token %d", id)
		}
	}
	return checkSampling(&r.Sampling)
}

func checkEmbed(r *engine.EmbedRequest, info engine.Info) error {
	switch {
	case !info.Can.Embed:
		return unsupported("embed")
	case len(r.Input) == 0:
		return invalid("input", "there must be at least one text")
	case r.Dimension < 0 || r.Dimension > info.EmbeddingSize:
		return invalid("output_dimension", "%d is not between 1 and %d", r.Dimension, info.EmbeddingSize)
	}
	return nil
}

// maxChoices is how many answers a script gives to one request.
const maxChoices = 128

func checkSampling(s *engine.Sampling) error {
	for _, f := range []struct {
		param    string
		value    *float64
		min, max float64
	}{
		{"temperature", s.Temperature, 0, 100},
		{"top_p", s.TopP, 0, 1},
		{"min_p", s.MinP, 0, 1},
		{"typical_p", s.TypicalP, 0, 1},
		{"presence_penalty", s.PresencePenalty, -2, 2},
		{"frequency_penalty", s.FrequencyPenalty, -2, 2},
		{"repeat_penalty", s.RepeatPenalty, 0, 100},
		{"dry_multiplier", s.DRYMultiplier, 0, 100},
		{"dry_base", s.DRYBase, 0, 100},
	} {
		if f.value != nil && !(*f.value >= f.min && *f.value <= f.max) {
			return invalid(f.param, "%v is not between %v and %v", *f.value, f.min, f.max)
		}
	}
	for _, f := range []struct {
		param    string
		value    int
		min, max int
	}{
		{"top_k", pointed(s.TopK, 0), 0, math.MaxInt},
		{"repeat_last_n", pointed(s.RepeatLastN, 0), -1, math.MaxInt},
		{"max_tokens", pointed(s.MaxTokens, 0), 0, math.MaxInt},
		{"min_tokens", s.MinTokens, 0, math.MaxInt},
		{"n", s.N, 0, maxChoices},
		{"top_logprobs", s.TopLogprobs, 0, 20},
	} {
		if f.value < f.min || f.value > f.max {
			return invalid(f.param, "%d is not between %d and %d", f.value, f.min, f.max)
		}
	}
	for id, bias := range s.LogitBias {
		if id < 0 || int(id) >= len(vocabulary) {
			return invalid("logit_bias", "there is no token %d", id)
		}
		if math.IsNaN(bias) {
			return invalid("logit_bias", "token %d has no number", id)
		}
	}
	return nil
}

// pointed is what p points to, or the default.
func pointed[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
