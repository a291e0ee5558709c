package enginetest

import (
	"fmt"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func invalid(param, format string, args ...any) error {
	return &fault.Error{Kind: fault.Invalid, Param: param, Msg: fmt.Sprintf(format, args...)}
}

func unsupported(what string) error {
	return &fault.Error{Kind: fault.Unsupported, Msg: "the model cannot " + what, Advice: "Choose a model that can."}
}

func checkChat(r *engine.ChatRequest, info engine.Info) error {
	if !info.Can.Chat {
		return unsupported("chat")
	}
	if err := r.Check(); err != nil {
		return err
	}
	for i, m := range r.Messages {
		for _, k := range m.Content {
			switch k.Type {
			case engine.TextChunk, engine.ThinkingChunk:
			case engine.ImageChunk:
				if !info.Can.Vision {
					return engine.NoVision(info.Model)
				}
			case engine.AudioChunk:
				if !info.Can.Audio {
					return engine.NoHearing(info.Model)
				}
			default:
				return invalid("messages", "message %d has a chunk of the unknown type %q", i+1, k.Type)
			}
		}
	}
	last := r.Messages[len(r.Messages)-1]
	if last.Role != engine.User && last.Role != engine.ToolRole && !last.Prefix {
		return invalid("messages", "the last message must be from the user or a tool, or a prefix of the answer, not from %q", last.Role)
	}
	if len(r.Tools) > 0 && !info.Can.Tools {
		return unsupported("call tools")
	}
	return checkBias(&r.Sampling)
}

func checkCompletion(r *engine.CompletionRequest, info engine.Info) error {
	if err := r.Check(); err != nil {
		return err
	}
	if r.Suffix != "" && !info.Can.FIM {
		return unsupported("fill in the middle")
	}
	for _, id := range r.Tokens {
		if id < 0 || int(id) >= len(vocabulary) {
			return invalid("tokens", "there is no token %d", id)
		}
	}
	return checkBias(&r.Sampling)
}

func checkBias(s *engine.Sampling) error {
	for id := range s.LogitBias {
		if int(id) >= len(vocabulary) {
			return invalid("logit_bias", "there is no token %d", id)
		}
	}
	return nil
}

func checkEmbed(r *engine.EmbedRequest, info engine.Info) error {
	switch {
	case !info.Can.Embed:
		return unsupported("embed")
	case len(r.Input) == 0:
		return invalid("input", "there is no text")
	case r.Dimension < 0 || r.Dimension > info.EmbeddingSize:
		return invalid("output_dimension", "output_dimension is %d and must be between 1 and %d", r.Dimension, info.EmbeddingSize)
	}
	return nil
}

// valueOr is what p points to, or the default.
func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
