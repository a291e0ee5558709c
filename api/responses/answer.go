package responses

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// An answer is a response while it is written and when it is whole.
type answer struct {
	*request
	response response
	all      *dialect.Answer // when it is whole
	thought  int             // tokens of thinking
}

// A response is the object that OpenAI's clients know.
type response struct {
	ID              string            `json:"id"`
	Object          string            `json:"object"` // "response"
	CreatedAt       int64             `json:"created_at"`
	Status          string            `json:"status"`
	Background      bool              `json:"background"`
	CompletedAt     *int64            `json:"completed_at"`
	Error           *failed           `json:"error"`
	Incomplete      *incomplete       `json:"incomplete_details"`
	Instructions    *string           `json:"instructions"`
	MaxOutputTokens *int              `json:"max_output_tokens"`
	Model           string            `json:"model"`
	Output          []any             `json:"output"`
	ParallelCalls   bool              `json:"parallel_tool_calls"`
	PreviousID      *string           `json:"previous_response_id"`
	Reasoning       map[string]any    `json:"reasoning"`
	Store           bool              `json:"store"`
	Temperature     *float64          `json:"temperature"`
	Text            map[string]any    `json:"text"`
	ToolChoice      json.RawMessage   `json:"tool_choice"`
	Tools           []json.RawMessage `json:"tools"`
	TopP            *float64          `json:"top_p"`
	Truncation      string            `json:"truncation"`
	Usage           *usage            `json:"usage"`
	User            *string           `json:"user"`
	Metadata        map[string]string `json:"metadata"`
}

type failed struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type incomplete struct {
	Reason string `json:"reason"`
}

type usage struct {
	Input        int `json:"input_tokens"`
	InputDetails struct {
		Cached int `json:"cached_tokens"`
	} `json:"input_tokens_details"`
	Output        int `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int `json:"total_tokens"`
}

func newAnswer(r *request) *answer {
	a := &answer{request: r, response: response{
		ID: dialect.NewID("resp_"), Object: "response", CreatedAt: time.Now().Unix(), Status: "in_progress",
		Instructions: optional(r.Instructions), MaxOutputTokens: r.MaxOutputTokens, Model: r.Model, Output: []any{},
		ParallelCalls: r.ParallelCalls == nil || *r.ParallelCalls,
		Reasoning:     map[string]any{"effort": optional(r.Reasoning.Effort), "summary": optional(r.Reasoning.Summary)},
		Temperature:   r.Temperature, TopP: r.TopP, Text: map[string]any{"format": map[string]any{"type": "text"}},
		ToolChoice: r.ToolChoice.raw, Tools: []json.RawMessage{}, Truncation: "disabled",
		User: optional(r.User), Metadata: map[string]string{},
	}}
	if r.Text.Format.Type != "" {
		a.response.Text["format"] = r.Text.Format.echo()
	}
	if a.response.ToolChoice == nil {
		a.response.ToolChoice = json.RawMessage(`"auto"`)
	}
	for _, t := range r.Tools {
		a.response.Tools = append(a.response.Tools, t.raw)
	}
	if r.Truncation != "" {
		a.response.Truncation = r.Truncation
	}
	if r.Metadata != nil {
		a.response.Metadata = r.Metadata
	}
	return a
}

func (f *format) echo() map[string]any {
	m := map[string]any{"type": f.Type}
	if f.Type == "json_schema" {
		m["name"], m["schema"], m["strict"] = f.Name, f.Schema, f.Strict == nil || *f.Strict
	}
	return m
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// finish sets what is known when the answer is whole.
func (a *answer) finish() {
	r := &a.response
	r.Output = []any{}
	for i := range a.all.Blocks {
		r.Output = append(r.Output, a.item(i, &a.all.Blocks[i], "completed"))
	}
	r.Status, r.CompletedAt = "completed", new(time.Now().Unix())
	switch a.all.Finish.Reason {
	case engine.FinishLength, engine.FinishModelLength:
		r.Status, r.Incomplete = "incomplete", &incomplete{"max_output_tokens"}
	case engine.FinishRefusal:
		r.Status, r.Incomplete = "incomplete", &incomplete{"content_filter"}
	}
	u := &usage{Input: a.all.Usage.PromptTokens, Output: a.all.Usage.CompletionTokens, Total: a.all.Usage.TotalTokens}
	u.InputDetails.Cached, u.OutputDetails.Reasoning = a.all.Usage.Cached(), a.thought
	r.Usage = u
}

// The items of an answer.
type (
	messageItem struct {
		ID      string       `json:"id"`
		Type    string       `json:"type"`
		Role    string       `json:"role"`
		Status  string       `json:"status"`
		Content []outputText `json:"content"`
	}
	outputText struct {
		Type        string         `json:"type"`
		Text        string         `json:"text"`
		Annotations []any          `json:"annotations"`
		Logprobs    []wire.Logprob `json:"logprobs"`
	}
	reasoningItem struct {
		ID        string     `json:"id"`
		Type      string     `json:"type"`
		Status    string     `json:"status"`
		Summary   []textPart `json:"summary"`
		Content   []textPart `json:"content,omitempty"`
		Encrypted string     `json:"encrypted_content,omitempty"`
	}
	textPart struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	callItem struct {
		ID        string  `json:"id"`
		Type      string  `json:"type"`
		Status    string  `json:"status"`
		CallID    string  `json:"call_id"`
		Namespace string  `json:"namespace,omitempty"`
		Name      string  `json:"name"`
		Arguments *string `json:"arguments,omitempty"`
		Input     *string `json:"input,omitempty"`
	}
)

// itemID is the ID of item i of a response.
func (a *answer) itemID(i int, kind dialect.Kind) string {
	prefix := map[dialect.Kind]string{dialect.Text: "msg_", dialect.Thinking: "rs_", dialect.Call: "fc_"}[kind]
	return prefix + a.response.ID[len("resp_"):] + "_" + string(dialect.Encode(i))
}

// summarized reports whether the client asked for a summary of the thinking. It gets all of
// it as the summary: many clients show nothing else.
func (a *answer) summarized() bool { return a.Reasoning.Summary != "" }

// item is block i with what it has so far.
func (a *answer) item(i int, b *dialect.Block, status string) any {
	id := a.itemID(i, b.Kind)
	switch b.Kind {
	case dialect.Thinking:
		item := reasoningItem{ID: id, Type: "reasoning", Status: status, Summary: []textPart{}}
		switch {
		case b.Text == "":
		case a.summarized():
			item.Summary = append(item.Summary, textPart{"summary_text", b.Text})
		default:
			item.Content = append(item.Content, textPart{"reasoning_text", b.Text})
		}
		if b.Text != "" && slices.Contains(a.Include, "reasoning.encrypted_content") {
			item.Encrypted = seal(b.Text)
		}
		return item
	case dialect.Call:
		name, known := a.names[b.Call.Function.Name]
		if !known {
			name.name = b.Call.Function.Name
		}
		item := callItem{ID: id, Type: "function_call", Status: status, CallID: dialect.PublicID("call_", b.Call.ID), Namespace: name.namespace, Name: name.name}
		arguments := string(b.Call.Function.Arguments)
		if name.custom {
			item.Type = "custom_tool_call"
			arguments = freeTextOf(b.Call.Function.Arguments)
		}
		if status == "in_progress" {
			arguments = ""
		}
		if name.custom {
			item.Input = &arguments
		} else {
			item.Arguments = &arguments
		}
		return item
	}
	item := messageItem{ID: id, Type: "message", Role: "assistant", Status: status, Content: []outputText{}}
	if b.Text != "" {
		item.Content = append(item.Content, textOutput(b.Text, b.Logprobs))
	}
	return item
}

func textOutput(text string, logprobs []engine.Logprob) outputText {
	return outputText{"output_text", text, []any{}, logprobsOf(logprobs)}
}

func logprobsOf(tokens []engine.Logprob) []wire.Logprob {
	if l := wire.NewLogprobs(tokens); l != nil {
		return l.Content
	}
	return []wire.Logprob{}
}

// freeTextOf is the text of a call to a custom tool. Arguments that the token limit cut off
// are given as they are.
func freeTextOf(arguments engine.Arguments) string {
	var text map[string]string
	if json.Unmarshal([]byte(arguments), &text) != nil {
		return string(arguments)
	}
	return text[freeText]
}

// A stream sends a response as events.
type stream struct {
	*dialect.Stream
	*answer
	started bool
	number  int
}

// fields are those of an event.
type fields = map[string]any

// event sends an event with its number.
func (s *stream) event(name string, f fields) {
	f["type"], f["sequence_number"] = name, s.number
	s.number++
	s.Event(name, f)
}

func (s *stream) Reading(p engine.Progress) {
	if p.Queued == 0 {
		s.start()
	}
}

func (s *stream) start() {
	if s.started {
		return
	}
	s.started = true
	s.event("response.created", fields{"response": s.response})
	s.event("response.in_progress", fields{"response": s.response})
}

// of are the fields of an event of block i.
func (s *stream) of(i int, b *dialect.Block, more fields) fields {
	more["item_id"], more["output_index"] = s.itemID(i, b.Kind), i
	return more
}

// partNames are those of the events of a block's only part, of its index, and of the events of its
// text.
func (s *stream) partNames(b *dialect.Block) (part, index, text string) {
	switch {
	case b.Kind == dialect.Text:
		return "response.content_part", "content_index", "response.output_text"
	case s.summarized():
		return "response.reasoning_summary_part", "summary_index", "response.reasoning_summary_text"
	}
	return "response.content_part", "content_index", "response.reasoning_text"
}

// part is a block's only part.
func (s *stream) part(b *dialect.Block) any {
	switch {
	case b.Kind == dialect.Text:
		return textOutput(b.Text, b.Logprobs)
	case s.summarized():
		return textPart{"summary_text", b.Text}
	}
	return textPart{"reasoning_text", b.Text}
}

func (s *stream) Open(i int, b *dialect.Block) {
	s.start()
	s.event("response.output_item.added", fields{"output_index": i, "item": s.item(i, b, "in_progress")})
	if b.Kind == dialect.Call {
		return
	}
	event, index, _ := s.partNames(b)
	s.event(event+".added", s.of(i, b, fields{index: 0, "part": s.part(b)}))
}

func (s *stream) Grow(i int, b *dialect.Block, text string, logprobs []engine.Logprob) {
	_, index, event := s.partNames(b)
	f := s.of(i, b, fields{index: 0, "delta": text})
	if b.Kind == dialect.Text {
		f["logprobs"] = logprobsOf(logprobs)
	}
	s.event(event+".delta", f)
}

func (s *stream) Close(i int, b *dialect.Block) {
	item := s.item(i, b, "completed")
	switch call, ok := item.(callItem); {
	case !ok:
		event, index, grown := s.partNames(b)
		f := s.of(i, b, fields{index: 0, "text": b.Text})
		if b.Kind == dialect.Text {
			f["logprobs"] = logprobsOf(b.Logprobs)
		}
		s.event(grown+".done", f)
		s.event(event+".done", s.of(i, b, fields{index: 0, "part": s.part(b)}))
	case call.Input != nil:
		s.event("response.custom_tool_call_input.delta", s.of(i, b, fields{"delta": *call.Input}))
		s.event("response.custom_tool_call_input.done", s.of(i, b, fields{"input": *call.Input}))
	default:
		s.event("response.function_call_arguments.delta", s.of(i, b, fields{"delta": *call.Arguments}))
		s.event("response.function_call_arguments.done", s.of(i, b, fields{"name": call.Name, "arguments": *call.Arguments}))
	}
	s.event("response.output_item.done", fields{"output_index": i, "item": item})
}

// end sends the end of a whole response.
func (s *stream) end() {
	s.start()
	s.finish()
	s.event("response."+s.response.Status, fields{"response": s.response})
}

// fail ends a response that an error cut short.
func (s *stream) fail(err *fault.Error) {
	f := newFailure(err, http.StatusInternalServerError)
	s.response.Status, s.response.Error = "failed", &failed{string(f.Code), f.Message}
	s.event("response.failed", fields{"response": s.response})
}
