package api

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/bise-sh/bise/engine"
)

// safetyPrompt is what La Plateforme's documentation says that safe_prompt puts
// before a conversation.
const safetyPrompt = "Always assist with care, respect, and truth. Respond with utmost utility yet securely. " +
	"Avoid harmful, unethical, prejudiced, or negative content. Ensure replies promote fairness and positivity."

// chat reads a chat request. The model may be absent where a server has one.
func (o *object) chat() engine.ChatRequest {
	req := engine.ChatRequest{Model: o.string("model"), Sampling: o.sampling()}
	req.Messages = required(o, "messages", value.messages)
	req.Tools = optional(o, "tools", value.tools)
	if v, ok := o.get("tool_choice"); ok {
		req.ToolChoice = v.toolChoice(req.Tools)
	}
	if v, ok := o.get("parallel_tool_calls"); ok {
		req.ParallelToolCalls = new(v.boolean())
	}
	req.ResponseFormat = optional(o, "response_format", value.responseFormat)
	req.ReasoningEffort = o.effort()
	if !o.r.strict {
		if v, ok := o.get("context_overflow"); ok {
			req.Overflow = engine.Overflow(v.oneOf(string(engine.OverflowError), string(engine.OverflowDropOldest)))
		}
		req.Transcription = optional(o, "transcription", value.transcription)
	}
	if o.boolean("safe_prompt") {
		req.Messages = addSafetyPrompt(req.Messages)
	}
	if v, ok := o.get("prediction"); ok {
		v.prediction()
		if req.Choices() > 1 {
			o.r.reject(newRefusal("n", "n must be 1 when a prediction is given"))
		}
	}
	if v, ok := o.get("guardrails"); ok && len(v.list()) > 0 {
		v.violate("too_long", "List should have at most 0 items: no moderation model is loaded", map[string]any{"max_length": 0})
	}
	if v, ok := o.get("service_tier"); ok && o.r.strict {
		v.oneOf("auto", "standard_only")
	}
	o.hints()
	return req
}

// transcription reads bise's own field for the words of audio.
func (v value) transcription() *engine.Transcription {
	o, ok := v.object()
	if !ok {
		return nil
	}
	t := &engine.Transcription{Language: o.string("language")}
	o.done()
	return t
}

// hints reads fields that do not change an answer.
func (o *object) hints() {
	if v, ok := o.get("metadata"); ok && !v.is('{') {
		v.violate("dict_type", "Input should be a valid dictionary", nil)
	}
	if v, ok := o.get("prompt_cache_key"); ok {
		v.string()
	}
	o.ignore("service_tier")
	if !o.r.strict {
		o.ignore("stream_options", "user", "store")
		if v, ok := o.get("keep_alive"); ok {
			o.r.keep = v.keepAlive()
		}
	}
}

// keepAlive reads how long a model stays in memory, as Ollama has it: a duration, or seconds.
func (v value) keepAlive() *time.Duration {
	if v.is('"') {
		if d, err := time.ParseDuration(unquote(v.raw)); err == nil {
			return &d
		}
	} else if v.isNumber() {
		const longest = 1e9 // seconds, decades
		if seconds, err := strconv.ParseFloat(string(v.raw), 64); err == nil {
			return new(time.Duration(max(-1, min(seconds, longest)) * float64(time.Second)))
		}
	}
	v.violate("time_delta_type", "Input should be a duration such as \"5m\", or seconds", nil)
	return nil
}

// effort reads the reasoning effort.
func (o *object) effort() string {
	effort := ""
	if v, ok := o.get("prompt_mode"); ok && v.oneOf("reasoning") != "" {
		effort, o.r.renamed = "high", map[string]string{"reasoning_effort": "prompt_mode"}
	}
	if v, ok := o.get("reasoning_effort"); ok {
		o.r.renamed = nil
		effort = v.oneOf(engine.Efforts...)
	}
	return effort
}

// prediction checks a predicted output, which has no effect.
func (v value) prediction() {
	o, ok := v.object()
	if !ok {
		return
	}
	if t, ok := o.get("type"); ok {
		t.oneOf("content")
	}
	o.ignore("content")
	o.done()
}

func (v value) responseFormat() *engine.ResponseFormat {
	o, ok := v.object()
	if !ok {
		return nil
	}
	f := &engine.ResponseFormat{Type: "text"}
	if t, ok := o.get("type"); ok {
		f.Type = t.oneOf("text", "json_object", "json_schema")
	}
	s, given := o.get("json_schema")
	if f.Type == "json_schema" && !given {
		s, given = o.need("json_schema")
	}
	if given {
		f.JSONSchema = s.jsonSchema()
	}
	o.done()
	return f
}

func (v value) jsonSchema() *engine.JSONSchema {
	o, ok := v.object()
	if !ok {
		return nil
	}
	s := &engine.JSONSchema{Name: o.needString("name"), Description: o.string("description"), Strict: o.boolean("strict")}
	s.Schema = required(o, "schema", value.schema)
	o.done()
	return s
}

// schema returns the raw value and notes a violation if it is not a JSON schema.
func (v value) schema() json.RawMessage {
	if err := engine.CheckSchema(v.raw); err != nil {
		v.violate("value_error", "Value error, invalid JSON schema: "+err.Error(), nil)
	}
	return v.raw
}

// addSafetyPrompt puts the safety prompt before a conversation.
func addSafetyPrompt(messages []engine.Message) []engine.Message {
	if len(messages) > 0 && messages[0].Role == engine.System {
		first := messages[0]
		first.Content = append(engine.Text(safetyPrompt), first.Content...)
		return append([]engine.Message{first}, messages[1:]...)
	}
	return append([]engine.Message{{Role: engine.System, Content: engine.Text(safetyPrompt)}}, messages...)
}
