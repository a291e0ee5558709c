package prompt

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// A Forcer is a [Format] that can describe the syntax of a forced tool call, so that an
// engine can constrain the answer to it.
type Forcer interface {
	// Force lays out a call of one of the request's tools, or of the one that its
	// tool choice names. Nil when the format knows no calls.
	Force(*engine.ChatRequest) []Step
}

// A Step is a part of an answer: what begins it is written as it is, then the
// model writes something of the kind that the step allows, and when that is
// complete the next step begins. A step that allows nothing is only its
// beginning.
type Step struct {
	Begin   []Segment
	Space   bool            // the model may write a space first, as SentencePiece does
	OneOf   []string        // one of these texts
	Pattern string          // what the GBNF expression matches
	Schema  json.RawMessage // JSON that satisfies the schema
	// Schemas is the schema by what the model wrote for the last OneOf.
	Schemas map[string]json.RawMessage
}

// Force keeps the contract of [Forcer].
func (f *format) Force(r *engine.ChatRequest) []Step {
	tools := callable(r)
	begin := []Segment{{Control: beginCall}}
	switch {
	case len(tools) == 0:
		return nil
	case f.calls == plainCalls, f.calls == listedCalls:
		return []Step{{Begin: begin, Space: !f.tekken, Schema: listSchema(tools, f.calls == listedCalls, several(r))}}
	case f.calls == namedCalls, f.calls == briefCalls:
		name := Step{Begin: begin, Space: !f.tekken}
		schemas := map[string]json.RawMessage{}
		for _, t := range tools {
			name.OneOf = append(name.OneOf, t.Function.Name)
			schemas[t.Function.Name] = schemaOf(t)
		}
		args := Step{Begin: []Segment{{Control: arguments}}, Space: !f.tekken, Schemas: schemas}
		if f.calls == briefCalls {
			return []Step{name, args}
		}
		return []Step{name, {Begin: []Segment{{Control: callID}}, Space: !f.tekken, Pattern: "[a-zA-Z0-9]{9}"}, args}
	}
	return nil
}

// callable are the tools that an answer may call.
func callable(r *engine.ChatRequest) []engine.Tool {
	if r.ToolChoice.Function == "" {
		return r.Tools
	}
	for _, t := range r.Tools {
		if t.Function.Name == r.ToolChoice.Function {
			return []engine.Tool{t}
		}
	}
	return nil
}

// several reports whether an answer may have more than one call.
func several(r *engine.ChatRequest) bool { return r.ParallelToolCalls == nil || *r.ParallelToolCalls }

func schemaOf(t engine.Tool) json.RawMessage {
	if len(t.Function.Parameters) == 0 {
		return json.RawMessage(`{"type":"object"}`)
	}
	return t.Function.Parameters
}

// callSchema is the JSON schema of one call of one of the tools, as an object with the
// name and the arguments; id adds an identifier as v3 and later write it.
func callSchema(tools []engine.Tool, id bool) json.RawMessage {
	type object = map[string]any
	var any []object
	for i, t := range tools {
		keys := []string{"name", "arguments"}
		properties := object{"name": object{"const": t.Function.Name}, "arguments": withID(schemaOf(t), i)}
		if id {
			properties["id"] = object{"type": "string", "pattern": "^[a-zA-Z0-9]{9}$"}
			keys = append(keys, "id")
		}
		any = append(any, object{"type": "object", "properties": ordered{keys, properties}, "required": keys, "additionalProperties": false})
	}
	return encoded(object{"anyOf": any})
}

// withID gives the schema of tool i an $id, so that its references stay in it.
func withID(schema json.RawMessage, i int) json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(schema, &object) != nil || len(object) == 0 || object["$id"] != nil {
		return schema
	}
	_, rest, _ := strings.Cut(string(schema), "{")
	return json.RawMessage(fmt.Sprintf(`{"$id":"urn:tool:%d",%s`, i, rest))
}

// listSchema is the schema of the list of calls that v2 to v7 write.
func listSchema(tools []engine.Tool, id, several bool) json.RawMessage {
	list := map[string]any{"type": "array", "items": callSchema(tools, id), "minItems": 1}
	if !several {
		list["maxItems"] = 1
	}
	return encoded(list)
}

// ordered is an object whose keys keep their order, which grammars made of
// schemas follow.
type ordered struct {
	keys   []string
	values map[string]any
}

func (o ordered) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, k := range o.keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, encoded(k)...), ':')
		out = append(out, encoded(o.values[k])...)
	}
	return append(out, '}'), nil
}

func encoded(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic("prompt: " + err.Error()) // schemas are checked before
	}
	return data
}
