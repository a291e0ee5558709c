// Package template lays out conversations for models that are not Mistral's,
// with the chat template that a GGUF carries.
//
// A template makes one string out of everything, so what it wrote and what a
// user wrote would look alike in it. Package jinja keeps them apart: only what
// the template itself wrote is read for control tokens, and the rest is plain
// text whatever it spells.
package template

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bise-sh/bise/chattemplate/jinja"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/prompt"
)

// Source is a GGUF file's information about its prompts.
type Source struct {
	Template string   // tokenizer.chat_template; empty for a model without chat
	Tokens   []string // the vocabulary's control and user-defined tokens
	BOS, EOS string   // spellings; empty where the model has none
	AddBOS   bool     // prompts begin with BOS whether the template writes it or not
	// Now is the clock for templates that write the date; nil is time.Now.
	Now func() time.Time
}

// A Format implements [prompt.Format] with a template.
type Format struct {
	source   Source
	template *jinja.Template // nil: no chat
	problem  error           // why there is no chat
	tokens   spellings
	fim      *fim // nil: no filling in
	stops    []string
	// Limits of the template, found by rendering test conversations.
	noSystem   bool // a system message is refused or left out
	alternates bool // two user messages in a row are refused
	calls      callStyle
	thinks     bool
	tools      bool
}

var _ prompt.Format = (*Format)(nil)

// New parses a template and tests it. If the template cannot be used, the error is a
// *[fault.Error] of kind BadModel, and the format only completes text.
func New(s Source) (*Format, error) {
	if s.Now == nil {
		s.Now = time.Now
	}
	f := &Format{source: s, tokens: newSpellings(append([]string{s.BOS, s.EOS}, s.Tokens...))}
	f.fim = findFIM(s.Tokens)
	if s.Template == "" {
		f.problem = unsupported("this model has no chat template", "Use a model that was trained on conversations, or complete text.")
		return f, nil
	}
	t, err := jinja.Parse(s.Template)
	if err != nil {
		return f.completing(err)
	}
	f.template = t
	if _, err := f.try(true, user("x")); err != nil {
		return f.completing(err)
	}
	f.thinks = strings.Contains(s.Template, thinkTag) || t.Mentions("enable_thinking") || t.Mentions("reasoning_effort")
	f.tools = f.takesTools()
	_, err = f.try(true, user("x"), user("y"))
	f.alternates = err != nil
	out, err := f.try(true, message(engine.System, "x"), user("y"))
	f.noSystem = err != nil || !contains(out, contentOf(0))
	f.calls = f.findCalls()
	f.stops = f.findStops()
	return f, nil
}

// completing returns the format without its template, which cannot be used.
func (f *Format) completing(cause error) (*Format, error) {
	e := fault.Errorf(fault.BadModel, "the model's chat template cannot be used: %w", cause)
	e.Advice = "Use another file of this model, or complete text without a conversation."
	f.template, f.problem = nil, unsupported(e.Msg, e.Advice)
	return f, e
}

// takesTools reports whether the template puts tools into the prompt.
func (f *Format) takesTools() bool {
	tool := engine.Tool{Type: "function", Function: engine.Function{
		Name: "f", Description: "x", Parameters: []byte(`{"type": "object", "properties": {"a": {"type": "string", "description": "y"}}, "required": ["a"]}`),
	}}
	r := &engine.ChatRequest{Messages: []engine.Message{user("x")}, Tools: []engine.Tool{tool}}
	out, err := f.render(r, true, 20)
	return err == nil && complete(r, out) == nil
}

// A callStyle is the form of calls that a template expects in a message.
type callStyle struct {
	text bool // arguments are JSON text instead of an object
	null bool // a message without content has none instead of ""
}

// findCalls returns the first style that puts a call into the prompt.
func (f *Format) findCalls() callStyle {
	call := engine.Message{Role: engine.Assistant, ToolCalls: []engine.ToolCall{
		{ID: "000000000", Function: engine.FunctionCall{Name: "f", Arguments: `{"x": "y"}`}},
	}}
	result := message(engine.ToolRole, "z")
	result.ToolCallID, result.Name = "000000000", "f"
	for _, style := range []callStyle{{}, {null: true}, {text: true}, {text: true, null: true}} {
		f.calls = style
		if out, err := f.try(true, user("x"), call, result); err == nil && contains(out, callsOf(1)) {
			return style
		}
	}
	return callStyle{}
}

func user(text string) engine.Message { return message(engine.User, text) }

func message(role engine.Role, text string) engine.Message {
	return engine.Message{Role: role, Content: engine.Text(text)}
}

// try renders a short conversation with a fraction of the limits.
func (f *Format) try(generate bool, messages ...engine.Message) (jinja.Text, error) {
	return f.render(&engine.ChatRequest{Messages: messages}, generate, 20)
}

// findStops returns the control token that the template writes after an answer. It ends
// answers, whatever the metadata say.
func (f *Format) findStops() []string {
	out, err := f.try(false, user("x"), message(engine.Assistant, "y"))
	if err != nil {
		return nil
	}
	after := ""
	for s, source := range out.Runs() {
		after = ""
		if source == 0 {
			after = strings.TrimSpace(s)
		}
	}
	if after == "" || !contains(out, contentOf(1)) {
		return nil
	}
	if stop := f.tokens.at(after); stop != "" {
		return []string{stop}
	}
	return nil
}

// Version is "template".
func (f *Format) Version() string { return "template" }

// Capabilities are what the template and the vocabulary allow.
func (f *Format) Capabilities() engine.Capabilities {
	return engine.Capabilities{Chat: f.template != nil, FIM: f.fim != nil, Tools: f.tools, Thinking: f.thinks}
}

// Stops is the token that ends an answer in the template.
func (f *Format) Stops() []string { return f.stops }

// Chat renders the conversation.
func (f *Format) Chat(req *engine.ChatRequest) (prompt.Prompt, error) {
	if f.template == nil {
		return prompt.Prompt{}, f.problem
	}
	r, err := f.prepare(req)
	if err != nil {
		return prompt.Prompt{}, err
	}
	prefix := r.Messages[len(r.Messages)-1].Prefix
	out, err := f.render(r, !prefix, 1)
	if err != nil {
		return prompt.Prompt{}, refusal(err)
	}
	if err := complete(r, out); err != nil {
		return prompt.Prompt{}, err
	}
	p := prompt.Prompt{Thinking: !prefix && opensThought(out)}
	trailing := ""
	if prefix {
		if out, trailing, err = open(r, out); err != nil {
			return prompt.Prompt{}, err
		}
	}
	p.Segments = f.tokens.segments(out)
	if trailing != "" {
		p.Segments = appendText(p.Segments, trailing)
	}
	if bos := f.source.BOS; f.source.AddBOS && bos != "" && (len(p.Segments) == 0 || p.Segments[0].Control != bos) {
		p.Segments = append([]prompt.Segment{{Control: bos}}, p.Segments...)
	}
	return p, nil
}

// Limits of one rendering, with an allowance for every byte of the request. A long
// conversation takes a few thousand steps.
const (
	baseSteps = 5_000_000
	baseBytes = 64 << 20
)

// render runs the template within the limits divided by fraction.
func (f *Format) render(req *engine.ChatRequest, generate bool, fraction int) (jinja.Text, error) {
	v, size, err := f.variables(req)
	if err != nil {
		return jinja.Text{}, err
	}
	v.Set("add_generation_prompt", generate)
	return f.template.Render(v, jinja.Limits{Steps: baseSteps/fraction + size/8, Bytes: baseBytes/int64(fraction) + 16*int64(size)})
}

// refusal converts a rendering error.
func refusal(err error) error {
	var own *fault.Error
	var raised *jinja.Raised
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &raised):
		e := fault.Errorf(fault.Invalid, "the model's chat template refuses the conversation: %s", raised.Message)
		e.Param = "messages"
		return e
	case errors.Is(err, jinja.ErrLimit):
		return unsupported("the model's chat template cannot lay out this conversation: it exceeds the limits of time and memory", "Send a shorter conversation, or use another file of this model.")
	}
	e := fault.Errorf(fault.Unsupported, "the model's chat template cannot lay out this conversation: %w", err)
	e.Advice = "Use another file of this model."
	return e
}

func unsupported(msg, advice string) error {
	return &fault.Error{Kind: fault.Unsupported, Msg: msg, Advice: advice}
}

// complete checks that every message, every call and the tools are in the prompt:
// templates often drop silently what they do not support.
func complete(req *engine.ChatRequest, out jinja.Text) error {
	seen := map[int]bool{}
	for _, source := range out.Runs() {
		seen[source] = true
	}
	const advice = "Use a model that was trained for this."
	for i, m := range req.Messages {
		if !blank(m) && !seen[contentOf(i)] {
			return unsupported(fmt.Sprintf("the model's chat template has no place for message %d, of the role %s", i+1, m.Role), advice)
		}
		if len(m.ToolCalls) > 0 && !seen[callsOf(i)] {
			return unsupported("the model's chat template has no place for tool calls", advice)
		}
	}
	if len(req.Tools) > 0 && !seen[toolsSource] {
		return unsupported("the model's chat template has no place for tools", advice)
	}
	return nil
}

// open cuts the text that the template writes after the last message, which the answer
// continues. trailing is the white space at the end of the message, which templates trim.
func open(req *engine.ChatRequest, out jinja.Text) (cut jinja.Text, trailing string, err error) {
	last := len(req.Messages) - 1
	content := req.Messages[last].Content.Plain()
	var written strings.Builder
	at, end := 0, 0
	for s, source := range out.Runs() {
		at += len(s)
		if source == contentOf(last) {
			written.WriteString(s)
			end = at
		}
	}
	got := written.String()
	if strings.TrimFunc(got, jinja.IsSpace) != strings.TrimFunc(content, jinja.IsSpace) {
		return jinja.Text{}, "", unsupported("the model's chat template changes the text to continue", "Ask without a prefix.")
	}
	trailing = strings.TrimPrefix(spaceAfter(content), spaceAfter(got))
	return out.Cut(end), trailing, nil
}

// spaceAfter is the white space that s ends with.
func spaceAfter(s string) string { return s[len(strings.TrimRightFunc(s, jinja.IsSpace)):] }

// opensThought reports whether the prompt ends in a thought opened by the template.
func opensThought(out jinja.Text) bool {
	tail := ""
	for s, source := range out.Runs() {
		tail = ""
		if source == 0 {
			tail = s
		}
	}
	return strings.HasSuffix(strings.TrimRight(tail, " \n"), thinkTag)
}

func contains(out jinja.Text, source int) bool {
	for _, s := range out.Runs() {
		if s == source {
			return true
		}
	}
	return false
}
