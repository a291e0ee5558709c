// Package toolprompt gives tools to models whose chat templates have no place for them.
//
// It describes the tools in the system prompt, writes earlier calls and their results as
// text, and finds calls in the answer. Models write a call as Hermes does, since many were
// trained on that: a JSON object between <tool_call> and </tool_call>. If a call is
// required, a JSON schema constrains the whole answer to it.
package toolprompt

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

const (
	openTag        = "<tool_call>"
	closeTag       = "</tool_call>"
	openResultTag  = "<tool_response>"
	closeResultTag = "</tool_response>"
)

// An Engine is an engine that understands requests with tools, whatever its model does.
type Engine struct {
	engine.Engine
	lacks atomic.Bool // the model's template has no place for tools
}

// New wraps an engine. lacks says that its model is known to have no place for tools;
// otherwise the engine's refusal shows it.
func New(e engine.Engine, lacks bool) *Engine {
	t := &Engine{Engine: e}
	t.lacks.Store(lacks)
	return t
}

// Info describes the model, with the ability that it has here.
func (e *Engine) Info() engine.Info {
	info := e.Engine.Info()
	info.Can.Tools = info.Can.Tools || info.Can.Chat
	return info
}

// Chat answers a conversation.
func (e *Engine) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	if !concernsTools(&r) {
		return e.Engine.Chat(ctx, r)
	}
	return func(yield func(engine.Event, error) bool) {
		if !e.lacks.Load() {
			refused := false
			for ev, err := range e.Engine.Chat(ctx, r) {
				if refused = fault.KindOf(err) == fault.Unsupported; refused {
					break // before any text
				}
				if !yield(ev, err) {
					return
				}
			}
			if !refused {
				return
			}
		}
		accepted := false
		for ev, err := range e.described(ctx, r) {
			if !accepted && err == nil {
				accepted = true
				e.lacks.Store(true)
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

func concernsTools(r *engine.ChatRequest) bool {
	return len(r.Tools) > 0 || slices.ContainsFunc(r.Messages, func(m engine.Message) bool {
		return m.Role == engine.ToolRole || len(m.ToolCalls) > 0
	})
}

// described answers a request whose tools are described in the prompt.
func (e *Engine) described(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	tools := callable(&r)
	r.Messages = rewrite(r.Messages, tools)
	required := len(tools) > 0 && (r.ToolChoice.Mode == "any" || r.ToolChoice.Function != "")
	if required {
		r.ResponseFormat = &engine.ResponseFormat{Type: "json_schema", JSONSchema: &engine.JSONSchema{Name: "call", Schema: callSchema(tools), Strict: true}}
	}
	single := r.ParallelToolCalls != nil && !*r.ParallelToolCalls
	n := r.Choices()
	r.Tools, r.ToolChoice, r.ParallelToolCalls = nil, engine.ToolChoice{}, nil
	return func(yield func(engine.Event, error) bool) {
		readers := make([]reader, n)
		for i := range readers {
			readers[i] = reader{choice: i, tools: tools, single: single, required: required}
		}
		for ev, err := range e.Engine.Chat(ctx, r) {
			events := []engine.Event{ev}
			switch ev := ev.(type) {
			case engine.TextDelta:
				if ev.Choice < n && len(tools) > 0 {
					events = readers[ev.Choice].text(ev)
				}
			case engine.Finish:
				if ev.Choice < n && len(tools) > 0 {
					events = readers[ev.Choice].finish(ev)
				}
			}
			for _, ev := range events {
				if !yield(ev, err) {
					return
				}
			}
		}
	}
}

// callable are the tools that an answer may call.
func callable(r *engine.ChatRequest) []engine.Tool {
	switch {
	case r.ToolChoice.Mode == "none":
		return nil
	case r.ToolChoice.Function == "":
		return r.Tools
	}
	return slices.DeleteFunc(slices.Clone(r.Tools), func(t engine.Tool) bool { return t.Function.Name != r.ToolChoice.Function })
}

// rewrite describes the tools at the end of the system prompt, and writes calls and results
// as text. Results that follow each other, and a user's message after them, become one
// message: templates want the user and the assistant to take turns.
func rewrite(messages []engine.Message, tools []engine.Tool) []engine.Message {
	var out []engine.Message
	if len(tools) > 0 {
		text := describe(tools)
		if len(messages) > 0 && messages[0].Role == engine.System {
			text = strings.TrimSpace(messages[0].Content.Plain() + "\n\n" + text)
			messages = messages[1:]
		}
		out = append(out, engine.Message{Role: engine.System, Content: engine.Text(text)})
	}
	results := false // the last message of out has some
	for _, m := range messages {
		switch {
		case m.Role == engine.ToolRole:
			text := openResultTag + "\n" + encoded(result{m.Name, m.Content.Plain()}) + "\n" + closeResultTag
			if results {
				last := &out[len(out)-1]
				last.Content = engine.Text(last.Content.Plain() + "\n" + text)
				continue
			}
			results = true
			out = append(out, engine.Message{Role: engine.User, Content: engine.Text(text)})
			continue
		case m.Role == engine.User && results:
			last := &out[len(out)-1]
			last.Content = append(slices.Clip(last.Content), m.Content...)
			results = false
			continue
		case len(m.ToolCalls) > 0:
			parts := []string{}
			if text := m.Content.Plain(); text != "" {
				parts = append(parts, text)
			}
			for _, c := range m.ToolCalls {
				parts = append(parts, openTag+"\n"+encoded(written{c.Function.Name, arguments(c.Function.Arguments)})+"\n"+closeTag)
			}
			m = engine.Message{Role: m.Role, Content: engine.Text(strings.Join(parts, "\n"))}
		}
		results = false
		out = append(out, m)
	}
	return out
}

// result is the result of a call, as the model reads it.
type result struct {
	Name    string `json:"name,omitempty"`
	Content string `json:"content"`
}

// written is a call, as the model writes it.
type written struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// arguments returns the arguments of an earlier call as a JSON value, quoted if invalid.
func arguments(a engine.Arguments) json.RawMessage {
	if json.Valid([]byte(a)) {
		return json.RawMessage(a)
	}
	return json.RawMessage(encoded(string(a)))
}

func describe(tools []engine.Tool) string {
	var b strings.Builder
	b.WriteString("# Tools\n\nYou can call these functions. Each line describes one, with a JSON schema of its arguments:\n\n<tools>\n")
	for _, t := range tools {
		t.Type = "function"
		b.WriteString(encoded(t) + "\n")
	}
	b.WriteString("</tools>\n\nTo call a function, answer with a JSON object of its name and its arguments between " + openTag + " and " + closeTag + ":\n\n")
	b.WriteString(openTag + "\n{\"name\": \"the name\", \"arguments\": {}}\n" + closeTag + "\n\n")
	b.WriteString("Write several such blocks to call several functions, and nothing after them. You get the results between " +
		openResultTag + " and " + closeResultTag + ". Call a function only if it helps; otherwise answer in plain text.")
	return b.String()
}

// callSchema is the JSON schema of one call. The name comes first: grammars keep the order.
func callSchema(tools []engine.Tool) json.RawMessage {
	var any []string
	for i, t := range tools {
		any = append(any, fmt.Sprintf(
			`{"type":"object","properties":{"name":{"const":%s},"arguments":%s},"required":["name","arguments"],"additionalProperties":false}`,
			encoded(t.Function.Name), withID(t.Function.Parameters, i)))
	}
	if len(any) == 1 {
		return json.RawMessage(any[0])
	}
	return json.RawMessage(`{"anyOf":[` + strings.Join(any, ",") + `]}`)
}

// withID gives the schema of tool i an $id, so that its references stay in it.
func withID(schema json.RawMessage, i int) json.RawMessage {
	if len(schema) == 0 {
		return json.RawMessage(`{"type":"object"}`)
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(schema, &object) != nil || len(object) == 0 || object["$id"] != nil {
		return schema
	}
	_, rest, _ := strings.Cut(string(schema), "{")
	return json.RawMessage(fmt.Sprintf(`{"$id":"urn:tool:%d",%s`, i, rest))
}

func encoded(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("toolprompt: " + err.Error()) // raw JSON in v is checked by then
	}
	return strings.TrimSuffix(b.String(), "\n")
}
