package prompt

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// Settings are the values that a request can choose for a model of version v15.
type Settings struct {
	Efforts []string // values of reasoning_effort; empty: it is not set by requests. Others are mapped to the nearest
	Effort  string   // the value of requests that say nothing
	Schema  bool     // the model is shown the JSON schema of its answer
}

// ParseSettings reads the model_settings_builder of a tekken.json.
func ParseSettings(data []byte) (*Settings, error) {
	var doc struct {
		Effort *struct {
			Values  []string `json:"values"`
			Default string   `json:"default"`
		} `json:"reasoning_effort"`
		Schema *struct{} `json:"json_schema"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read model settings: %w", err)
	}
	s := &Settings{Schema: doc.Schema != nil}
	if e := doc.Effort; e != nil {
		if !slices.Contains(e.Values, e.Default) {
			return nil, fmt.Errorf("read model settings: the default effort %q is not one of %q", e.Default, e.Values)
		}
		s.Efforts, s.Effort = e.Values, e.Default
	}
	return s, nil
}

// of returns the settings of a request as JSON with sorted keys, or "".
func (s *Settings) of(r *engine.ChatRequest) (string, error) {
	o := newObject()
	if s.Schema {
		schema, err := answerSchema(r.ResponseFormat)
		if err != nil {
			return "", invalid("response_format.json_schema.schema", "the answer's schema cannot be used: %v", err)
		}
		if schema != nil {
			o.set("json_schema", schema)
		}
	}
	if len(s.Efforts) > 0 {
		asked := cmp.Or(r.ReasoningEffort, s.Effort)
		effort := engine.NearestEffort(s.Efforts, asked)
		if effort == "" {
			return "", &fault.Error{
				Kind: fault.Invalid, Param: "reasoning_effort",
				Msg:    fmt.Sprintf("unknown reasoning effort %q", asked),
				Advice: "Use " + strings.Join(s.Efforts, " or ") + ".",
			}
		}
		o.set("reasoning_effort", text(effort))
	}
	if len(o.keys) == 0 {
		return "", nil
	}
	return dumpJSON(o), nil
}

// answerSchema is the schema that a response format asks for, nil for text.
func answerSchema(f *engine.ResponseFormat) (value, error) {
	switch {
	case f == nil || f.Type == "" || f.Type == "text":
		return nil, nil
	case f.Type == "json_object":
		return newObject("anyOf", list{newObject("type", text("object")), newObject("type", text("array"))}), nil
	case f.JSONSchema == nil:
		return nil, errors.New("there is none")
	}
	schema, err := parseJSON(string(f.JSONSchema.Schema))
	if err != nil {
		return nil, err
	}
	if _, ok := schema.(*object); !ok {
		return nil, errors.New("it is not an object")
	}
	return schema, engine.CheckSchema(f.JSONSchema.Schema)
}
