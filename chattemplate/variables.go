package template

import (
	"fmt"
	"math"
	"strings"

	"github.com/bise-sh/bise/chattemplate/jinja"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// Every part of a request is a separate source, so that it can be found again in the
// rendered text.
func contentOf(message int) int  { return 3*message + 1 }
func callsOf(message int) int    { return 3*message + 2 }
func thinkingOf(message int) int { return 3*message + 3 }

// These are larger than those of any messages that fit in memory.
const (
	toolsSource  = math.MaxInt
	effortSource = math.MaxInt - 1
)

// prepare checks a request and adapts it to the template: without support for system
// messages, they are moved into the next user message; if roles must alternate, adjacent
// messages of one role are merged.
func (f *Format) prepare(req *engine.ChatRequest) (*engine.ChatRequest, error) {
	if len(req.Messages) == 0 {
		return nil, invalid("there is no message to answer")
	}
	r := *req
	r.Messages = nil
	var system []string // waits for a user message
	for i, m := range req.Messages {
		if err := check(m, i, len(req.Messages)); err != nil {
			return nil, err
		}
		if i == len(req.Messages)-1 && m.Prefix && blank(m) {
			break // nothing to continue: an answer like any other
		}
		if f.noSystem && m.Role == engine.System {
			system = append(system, m.Content.Plain())
			continue
		}
		if len(system) > 0 && m.Role == engine.User {
			m.Content = join(append(system, m.Content.Plain())...)
			system = nil
		}
		if n := len(r.Messages); f.alternates && n > 0 && mergeable(r.Messages[n-1], m) {
			m.Content = join(r.Messages[n-1].Content.Plain(), m.Content.Plain())
			r.Messages = r.Messages[:n-1]
		}
		r.Messages = append(r.Messages, m)
	}
	if len(system) > 0 {
		r.Messages = append(r.Messages, message(engine.User, join(system...).Plain()))
	}
	if len(r.Messages) == 0 {
		return nil, invalid("there is no message to answer")
	}
	if req.ToolChoice.Mode == "none" {
		r.Tools = nil
	}
	return &r, nil
}

func check(m engine.Message, i, n int) error {
	switch m.Role {
	case engine.System, engine.User, engine.Assistant, engine.ToolRole:
	default:
		return invalid(fmt.Sprintf("message %d has the unknown role %.40q", i+1, m.Role))
	}
	if m.Prefix && (i != n-1 || m.Role != engine.Assistant) {
		return invalid("only the last message, from the assistant, can be a prefix")
	}
	for _, c := range m.Content {
		switch {
		case c.Type == engine.ImageChunk:
			return unsupported("the model's chat template does not accept images", "Use a vision model, such as pixtral.")
		case c.Type == engine.AudioChunk:
			return unsupported("the model's chat template does not accept audio", "Use a model that can hear, such as voxtral-mini.")
		case c.Type == engine.ThinkingChunk && m.Prefix:
			return unsupported("the model's chat template cannot continue a thought", "Ask without a prefix.")
		case c.Type != engine.TextChunk && c.Type != engine.ThinkingChunk:
			return invalid(fmt.Sprintf("message %d has a chunk of the unknown type %.40q", i+1, c.Type))
		}
	}
	return nil
}

// blank reports whether a message has only white space.
func blank(m engine.Message) bool { return strings.TrimFunc(m.Content.Plain(), jinja.IsSpace) == "" }

func invalid(msg string) error {
	return &fault.Error{Kind: fault.Invalid, Msg: msg, Param: "messages"}
}

// mergeable reports whether b can be appended to a.
func mergeable(a, b engine.Message) bool {
	return a.Role == b.Role && (a.Role == engine.User || a.Role == engine.Assistant) &&
		len(a.ToolCalls) == 0 && len(b.ToolCalls) == 0
}

func join(texts ...string) engine.Content { return engine.Text(strings.Join(texts, "\n\n")) }

// variables returns the variables of templates, named as in transformers. size is the
// number of bytes of the request in them.
func (f *Format) variables(req *engine.ChatRequest) (v *jinja.Dict, size int, err error) {
	messages := make([]jinja.Value, len(req.Messages))
	for i, m := range req.Messages {
		messages[i] = f.variable(m, i, &size)
	}
	v = jinja.NewDict().
		Set("messages", jinja.NewList(messages...)).
		Set("bos_token", jinja.String(f.source.BOS)).
		Set("eos_token", jinja.String(f.source.EOS)).
		Set("strftime_now", jinja.Clock(f.source.Now))
	if len(req.Tools) > 0 {
		tools := make([]jinja.Value, len(req.Tools))
		for i, t := range req.Tools {
			if tools[i], err = tool(t); err != nil {
				return nil, 0, err
			}
			size += len(t.Function.Parameters) + len(t.Function.Description)
		}
		v.Set("tools", jinja.NewList(tools...))
	}
	if effort := req.ReasoningEffort; effort != "" {
		// Qwen's name for it, and DeepSeek's and Granite's.
		v.Set("enable_thinking", effort != "none").Set("thinking", effort != "none")
		if effort != "none" {
			v.Set("reasoning_effort", jinja.Outside(effort, effortSource))
		}
	}
	return v, size, nil
}

func (f *Format) variable(m engine.Message, i int, size *int) *jinja.Dict {
	content := m.Content.Plain()
	*size += len(content)
	v := jinja.NewDict().
		Set("role", jinja.String(string(m.Role))).
		Set("content", jinja.Outside(content, contentOf(i)))
	if f.calls.null && content == "" && len(m.ToolCalls) > 0 {
		v.Set("content", nil)
	}
	var thoughts []string
	for _, c := range m.Content {
		if c.Type == engine.ThinkingChunk {
			thoughts = append(thoughts, c.Text)
		}
	}
	if len(thoughts) > 0 {
		thinking := strings.Join(thoughts, "\n\n")
		*size += len(thinking)
		v.Set("reasoning_content", jinja.Outside(thinking, thinkingOf(i)))
	}
	if m.Name != "" {
		v.Set("name", jinja.Outside(m.Name, callsOf(i)))
	}
	if m.ToolCallID != "" {
		v.Set("tool_call_id", jinja.Outside(m.ToolCallID, callsOf(i)))
	}
	if len(m.ToolCalls) > 0 {
		calls := make([]jinja.Value, len(m.ToolCalls))
		for j, c := range m.ToolCalls {
			*size += len(c.Function.Arguments)
			calls[j] = jinja.NewDict().
				Set("type", jinja.String("function")).
				Set("id", jinja.Outside(c.ID, callsOf(i))).
				Set("function", jinja.NewDict().
					Set("name", jinja.Outside(c.Function.Name, callsOf(i))).
					Set("arguments", f.arguments(c.Function.Arguments, callsOf(i))))
		}
		v.Set("tool_calls", jinja.NewList(calls...))
	}
	return v
}

// arguments parses arguments as an object, as most templates expect; other text stays text.
func (f *Format) arguments(a engine.Arguments, source int) jinja.Value {
	if strings.TrimSpace(string(a)) == "" {
		a = "{}"
	}
	if f.calls.text {
		return jinja.Outside(string(a), source)
	}
	v, err := jinja.FromJSON([]byte(a), source)
	if _, ok := v.(*jinja.Dict); err != nil || !ok {
		return jinja.Outside(string(a), source)
	}
	return v
}

// tool returns a tool with its keys in the order that models were trained on.
func tool(t engine.Tool) (jinja.Value, error) {
	f := jinja.NewDict().
		Set("name", jinja.Outside(t.Function.Name, toolsSource)).
		Set("description", jinja.Outside(t.Function.Description, toolsSource))
	if len(t.Function.Parameters) > 0 {
		p, err := jinja.FromJSON(t.Function.Parameters, toolsSource)
		if err != nil {
			e := fault.Errorf(fault.Invalid, "the parameters of the tool %.40q are not JSON: %w", t.Function.Name, err)
			e.Param = "tools"
			return nil, e
		}
		f.Set("parameters", p)
	}
	return jinja.NewDict().Set("type", jinja.String("function")).Set("function", f), nil
}
