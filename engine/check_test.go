package engine_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func TestSamplingCheck(t *testing.T) {
	for _, c := range []struct {
		param string // "" when it is good
		s     engine.Sampling
	}{
		{"", engine.Sampling{}},
		{"", engine.Sampling{Temperature: new(0.0), TopP: new(0.0), MinP: new(1.0), TopK: new(0), MaxTokens: new(0), N: 128, TopLogprobs: 20, Seed: new(int64(math.MaxInt64))}},
		{"", engine.Sampling{PresencePenalty: new(-2.0), FrequencyPenalty: new(2.0), RepeatPenalty: new(1.0), RepeatLastN: new(-1), DRYMultiplier: new(0.8), DRYPenaltyLastN: new(-1)}},
		{"", engine.Sampling{Stop: []string{"a"}, LogitBias: map[int32]float64{0: -100}}},
		{"temperature", engine.Sampling{Temperature: new(-1.0)}},
		{"temperature", engine.Sampling{Temperature: new(math.NaN())}},
		{"temperature", engine.Sampling{Temperature: new(math.Inf(1))}},
		{"top_p", engine.Sampling{TopP: new(1.1)}},
		{"min_p", engine.Sampling{MinP: new(-0.1)}},
		{"typical_p", engine.Sampling{TypicalP: new(2.0)}},
		{"presence_penalty", engine.Sampling{PresencePenalty: new(2.1)}},
		{"frequency_penalty", engine.Sampling{FrequencyPenalty: new(-2.1)}},
		{"repeat_penalty", engine.Sampling{RepeatPenalty: new(0.0)}},
		{"dry_multiplier", engine.Sampling{DRYMultiplier: new(-1.0)}},
		{"dry_base", engine.Sampling{DRYBase: new(0.0)}},
		{"dry_allowed_length", engine.Sampling{DRYAllowedLength: new(-1)}},
		{"dry_penalty_last_n", engine.Sampling{DRYPenaltyLastN: new(-2)}},
		{"top_k", engine.Sampling{TopK: new(-1)}},
		{"repeat_last_n", engine.Sampling{RepeatLastN: new(-2)}},
		{"max_tokens", engine.Sampling{MaxTokens: new(-1)}},
		{"min_tokens", engine.Sampling{MinTokens: -1}},
		{"n", engine.Sampling{N: -1}},
		{"n", engine.Sampling{N: 1000}},
		{"top_logprobs", engine.Sampling{TopLogprobs: 21}},
		{"random_seed", engine.Sampling{Seed: new(int64(-1))}},
		{"stop", engine.Sampling{Stop: make([]string, 65)}},
		{"stop", engine.Sampling{Stop: []string{""}}},
		{"stop", engine.Sampling{Stop: []string{strings.Repeat("a", 1025)}}},
		{"logit_bias", engine.Sampling{LogitBias: map[int32]float64{-1: 0}}},
		{"logit_bias", engine.Sampling{LogitBias: map[int32]float64{1: math.NaN()}}},
		{"grammar", engine.Sampling{Grammar: strings.Repeat("a", 1<<20+1)}},
	} {
		wantParam(t, c.param, c.s.Check())
		wantParam(t, c.param, (&engine.CompletionRequest{Sampling: c.s}).Check())
	}
	wantParam(t, "tokens", (&engine.CompletionRequest{Prompt: "a", Tokens: []int32{1}}).Check())
}

func TestChatCheck(t *testing.T) {
	tools := []engine.Tool{{Function: engine.Function{Name: "f"}}}
	schema := func(s string) *engine.ResponseFormat {
		return &engine.ResponseFormat{Type: "json_schema", JSONSchema: &engine.JSONSchema{Schema: json.RawMessage(s)}}
	}
	for _, c := range []struct {
		param string
		set   func(*engine.ChatRequest)
	}{
		{"", func(*engine.ChatRequest) {}},
		{"", func(r *engine.ChatRequest) { r.Overflow = engine.OverflowDropOldest }},
		{"", func(r *engine.ChatRequest) { r.Tools, r.ToolChoice.Function = tools, "f" }},
		{"", func(r *engine.ChatRequest) { r.ResponseFormat = schema(`{"type":"object"}`) }},
		{"", func(r *engine.ChatRequest) {
			r.Messages = append(r.Messages, engine.Message{Role: engine.Assistant, Prefix: true})
		}},
		{"messages", func(r *engine.ChatRequest) { r.Messages = nil }},
		{"messages", func(r *engine.ChatRequest) { r.Messages[0].Role = "wizard" }},
		{"messages", func(r *engine.ChatRequest) { r.Messages[0].Prefix = true }},
		{"context_overflow", func(r *engine.ChatRequest) { r.Overflow = "burst" }},
		{"tool_choice", func(r *engine.ChatRequest) { r.ToolChoice.Mode = "perhaps" }},
		{"tool_choice", func(r *engine.ChatRequest) { r.Tools, r.ToolChoice.Function = tools, "g" }},
		{"response_format", func(r *engine.ChatRequest) { r.ResponseFormat = &engine.ResponseFormat{Type: "yaml"} }},
		{"response_format", func(r *engine.ChatRequest) { r.ResponseFormat = &engine.ResponseFormat{Type: "json_schema"} }},
		{"response_format", func(r *engine.ChatRequest) { r.ResponseFormat = schema(``) }},
		{"response_format", func(r *engine.ChatRequest) { r.ResponseFormat = schema(`[]`) }},
		{"grammar", func(r *engine.ChatRequest) { r.ResponseFormat, r.Grammar = schema(`{}`), "x" }},
		{"temperature", func(r *engine.ChatRequest) { r.Temperature = new(-1.0) }},
	} {
		r := engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text("hi")}}}
		c.set(&r)
		wantParam(t, c.param, r.Check())
	}
}

// wantParam checks that err is of kind Invalid and names the field, or that there
// is none.
func wantParam(t *testing.T, param string, err error) {
	t.Helper()
	if param == "" {
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Invalid || e.Param != param || e.Msg == "" {
		t.Errorf("got %#v, want an error of kind invalid for %s", err, param)
	}
}

func TestCheckSchema(t *testing.T) {
	for schema, want := range map[string]string{
		`{}`: ``,
		`{"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": false}, "required": ["a"], "x-more": 1}`: ``,
		`{"items": [{"type": "integer", "minimum": -1.5, "multipleOf": 0.5}, true], "maxItems": 2.0, "uniqueItems": true}`:  ``,
		`{"dependencies": {"a": ["b"], "c": {}}, "enum": [], "default": null, "const": [1], "$ref": "#/x"}`:                 ``,
		`{"maxLength": 100000000000000000000000, "minLength": 1e24}`:                                                        ``,
		`{"maxLength": Infinity}`:     `it is not a JSON object`,
		`null`:                        "it is not a JSON object",
		`{"items": 1}`:                "/items: got number, want boolean or object",
		`{"anyOf": []}`:               "/anyOf: minItems: got 0, want 1",
		`{"oneOf": [{}, {"not": 3}]}`: "/oneOf/1/not: got number, want boolean or object",
		`{"properties": []}`:          "/properties: got array, want object",
		`{"properties": {"a": {"type": "text"}}}`: "/properties/a/type: value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'",
		`{"type": []}`:                                   "/type: value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'",
		`{"type": ["string", "string"]}`:                 "/type: value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'",
		`{"required": "a"}`:                              "/required: got string, want array",
		`{"required": ["a", "a"]}`:                       "/required: items at 0 and 1 are equal",
		`{"enum": 1}`:                                    "/enum: got number, want array",
		`{"title": 1}`:                                   "/title: got number, want string",
		`{"uniqueItems": 1}`:                             "/uniqueItems: got number, want boolean",
		`{"minimum": "1"}`:                               "/minimum: got string, want number",
		`{"multipleOf": 0}`:                              "/multipleOf: exclusiveMinimum: got 0, want 0",
		`{"maxLength": -1}`:                              "/maxLength: minimum: got -1, want 0",
		`{"minItems": 0.5}`:                              "/minItems: got number, want integer",
		`{"dependencies": {"a": [1]}}`:                   "/dependencies/a: got array, want boolean or object",
		`{"a":"[[[{{{\"[["}`:                             "",
		`{"pattern": "(?<name>a)", "$ref": "not a URL"}`: "",
		strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat(`}`, 64):       "",
		strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65):       "it is nested deeper than 64 levels",
		`{"a":` + strings.Repeat(`[`, 64) + strings.Repeat(`]`, 64) + `}`: "it is nested deeper than 64 levels",
		``:                           "it is not a JSON object",
		`{`:                          "it is not a JSON object",
		`[]`:                         "it is not a JSON object",
		`true`:                       "it is not a JSON object",
		`{} {}`:                      "it is not a JSON object",
		`{"maxLength": 1e999999999}`: "json: cannot unmarshal number 1e999999999 into Go value of type float64",
		`{"a":"` + strings.Repeat("x", 1<<20) + `"}`: "it has 1048584 bytes: the limit is 1048576",
	} {
		got := ""
		if err := engine.CheckSchema(json.RawMessage(schema)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.60s: got %q, want %q", schema, got, want)
		}
	}
}
