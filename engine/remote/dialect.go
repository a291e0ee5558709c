package remote

import (
	"cmp"
	"fmt"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A Dialect is the way a server speaks the API.
type Dialect string

const (
	// Auto is found out: La Plateforme by its host, bise by asking, else OpenAI.
	Auto Dialect = ""
	// Bise loses nothing: every event comes back as the server's engine made it.
	Bise Dialect = "bise"
	// Plateforme is Mistral's hosted API.
	Plateforme Dialect = "plateforme"
	// OpenAI is what vLLM, llama.cpp and most others speak.
	OpenAI Dialect = "openai"
)

func (d Dialect) check() error {
	switch d {
	case Auto, Bise, Plateforme, OpenAI:
		return nil
	}
	return &fault.Error{
		Kind: fault.Invalid, Param: "dialect", Msg: fmt.Sprintf("unknown dialect %q", string(d)),
		Advice: "Use bise, plateforme or openai.",
	}
}

// A call is a request for text on its way to a server.
type call struct {
	path  string
	body  any
	echo  string // what the answer repeats of the request
	whole bool   // tool calls come whole, and bise's events with them
	n     int    // choices asked for
}

func (d Dialect) chat(req engine.ChatRequest) (call, error) {
	switch d {
	case Bise:
		return call{path: "/v1/chat/completions", body: streamedChat{req, true}, echo: continued(req), whole: true}, nil
	case Plateforme:
		if err := plateformeHas(req.Sampling, req.MinTokens); err != nil {
			return call{}, err
		}
		if req.Transcription != nil {
			return call{}, lacks("La Plateforme's API for chats", "transcription")
		}
		req.Overflow, req.Lookup = engine.OverflowError, engine.LookupAuto
		return call{path: "/v1/chat/completions", body: streamedChat{req, true}, echo: continued(req)}, nil
	}
	body, err := openAIChat(req)
	return call{path: "/v1/chat/completions", body: body}, err
}

func (d Dialect) complete(req engine.CompletionRequest) (call, error) {
	switch d {
	case Bise:
		return call{path: "/v1/fim/completions", body: streamedCompletion{req, true}, whole: true}, nil
	case Plateforme:
		if req.PromptLogprobs {
			return call{}, lacks("La Plateforme", "prompt_logprobs")
		}
		if len(req.Tokens) > 0 {
			return call{}, lacks("La Plateforme", "tokens")
		}
		if req.Choices() > 1 {
			return call{}, lacks("La Plateforme's fill in the middle", "n")
		}
		if err := plateformeHas(req.Sampling, 0); err != nil {
			return call{}, err
		}
		req.Lookup = engine.LookupAuto
		return call{path: "/v1/fim/completions", body: streamedCompletion{req, true}}, nil
	}
	body, err := openAICompletion(req)
	return call{path: "/v1/completions", body: body}, err
}

// Requests have La Plateforme's names already.
type (
	streamedChat struct {
		engine.ChatRequest
		Stream bool `json:"stream"`
	}
	streamedCompletion struct {
		engine.CompletionRequest
		Stream bool `json:"stream"`
	}
)

// continued is the prefix that the answer continues and repeats.
func continued(req engine.ChatRequest) string {
	last := req.Messages[len(req.Messages)-1]
	if !last.Prefix {
		return ""
	}
	return last.Content.Plain()
}

// lacks is the error of a setting that a server rejects or ignores.
func lacks(server, field string) error {
	return &fault.Error{
		Kind: fault.Unsupported, Param: field,
		Msg:    fmt.Sprintf("%s has no %s", server, field),
		Advice: fmt.Sprintf("Leave %s out, or use a model on this machine.", field),
	}
}

// set is a field that has a value.
type set struct {
	name string
	is   bool
}

// firstSet is the first field that has a value, "" when none has.
func firstSet(fields ...set) string {
	for _, f := range fields {
		if f.is {
			return f.name
		}
	}
	return ""
}

// ofLocalEngines returns the first setting that only bise's engines have.
func ofLocalEngines(s engine.Sampling) string {
	return firstSet(
		set{"typical_p", s.TypicalP != nil}, set{"repeat_last_n", s.RepeatLastN != nil},
		set{"dry_multiplier", s.DRYMultiplier != nil}, set{"dry_base", s.DRYBase != nil},
		set{"dry_allowed_length", s.DRYAllowedLength != nil}, set{"dry_penalty_last_n", s.DRYPenaltyLastN != nil},
		set{"dry_sequence_breakers", s.DRYBreakers != nil}, set{"grammar", s.Grammar != ""},
	)
}

// plateformeHas reports settings that La Plateforme's schema forbids.
func plateformeHas(s engine.Sampling, minTokens int) error {
	field := cmp.Or(firstSet(
		set{"top_k", s.TopK != nil}, set{"min_p", s.MinP != nil}, set{"repeat_penalty", s.RepeatPenalty != nil},
		set{"logit_bias", len(s.LogitBias) > 0}, set{"min_tokens", minTokens > 0},
		set{"logprobs", s.Logprobs}, set{"top_logprobs", s.TopLogprobs > 0},
	), ofLocalEngines(s))
	if field != "" {
		return lacks("La Plateforme", field)
	}
	return nil
}
