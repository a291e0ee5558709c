package anthropic

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
	"github.com/bise-sh/bise/engine"
)

// events are streams as Anthropic sends them: what keeps a stream alive is an event.
var events = api.StreamForm{ContentType: api.EventStream.ContentType, Beat: "event: ping\ndata: {\"type\":\"ping\"}\n\n"}

// An answer is a message while it is written and when it is whole.
type answer struct {
	id, model string
	read      engine.Progress // the last report on the prompt
	all       *dialect.Answer // when it is whole
}

func newAnswer(model string) *answer { return &answer{id: dialect.NewID("msg_"), model: model} }

// A reply is a whole message.
type reply struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"` // "message"
	Role         string  `json:"role"`
	Model        string  `json:"model"`
	Content      []any   `json:"content"`
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
	Usage        usage   `json:"usage"`
}

// usage counts the prompt without its cached tokens as input.
type usage struct {
	Input         int `json:"input_tokens"`
	CacheCreation int `json:"cache_creation_input_tokens"`
	CacheRead     int `json:"cache_read_input_tokens"`
	Output        int `json:"output_tokens"`
}

type (
	textBlock struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	thinkingBlock struct {
		Type      string `json:"type"`
		Thinking  string `json:"thinking"`
		Signature string `json:"signature"`
	}
	toolUse struct {
		Type  string          `json:"type"`
		ID    string          `json:"id"`
		Name  string          `json:"name"`
		Input json.RawMessage `json:"input"`
	}
)

const callPrefix = "toolu_"

// blockOf is a block: empty, as its start in a stream, or whole.
func blockOf(b *dialect.Block, whole bool) any {
	switch b.Kind {
	case dialect.Call:
		use := toolUse{"tool_use", dialect.PublicID(callPrefix, b.Call.ID), b.Call.Function.Name, json.RawMessage("{}")}
		if whole {
			use.Input = dialect.Object(b.Call.Function.Arguments)
		}
		return use
	case dialect.Thinking:
		if !whole {
			return thinkingBlock{Type: "thinking"}
		}
		return thinkingBlock{"thinking", b.Text, signature(b.Text)}
	}
	if !whole {
		return textBlock{Type: "text"}
	}
	return textBlock{"text", b.Text}
}

// signature is a checksum where Anthropic signs thinking. Clients drop thinking that has
// none. It is not checked here.
func signature(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (a *answer) head() reply {
	return reply{ID: a.id, Type: "message", Role: "assistant", Model: a.model, Content: []any{}}
}

// message is the whole answer.
func (a *answer) message() reply {
	m := a.head()
	for i := range a.all.Blocks {
		m.Content = append(m.Content, blockOf(&a.all.Blocks[i], true))
	}
	m.StopReason, m.StopSequence = a.stop()
	m.Usage = a.usage()
	return m
}

func (a *answer) stop() (why, sequence *string) {
	reason, found := "end_turn", a.all.Finish.Stop
	switch a.all.Finish.Reason {
	case engine.FinishStop:
		if found != "" {
			return new("stop_sequence"), &found
		}
	case engine.FinishLength:
		reason = "max_tokens"
	case engine.FinishModelLength:
		reason = "model_context_window_exceeded"
	case engine.FinishToolCalls:
		reason = "tool_use"
	case engine.FinishRefusal:
		reason = "refusal"
	}
	return &reason, nil
}

func (a *answer) usage() usage {
	u := a.all.Usage
	return usage{Input: u.PromptTokens - u.Cached(), CacheRead: u.Cached(), Output: u.CompletionTokens}
}

// A stream sends a message as events.
type stream struct {
	*dialect.Stream
	*answer
	started bool
}

// Reading sends the start of the message as soon as it is known how long the prompt is.
func (s *stream) Reading(p engine.Progress) {
	s.read = p
	if p.Queued == 0 {
		s.start()
	}
}

func (s *stream) start() {
	if s.started {
		return
	}
	s.started = true
	m := s.head()
	m.Usage = usage{Input: s.read.Total - s.read.Cached, CacheRead: s.read.Cached}
	s.Event("message_start", map[string]any{"type": "message_start", "message": m})
}

func (s *stream) Open(i int, b *dialect.Block) {
	s.start()
	s.Event("content_block_start", map[string]any{"type": "content_block_start", "index": i, "content_block": blockOf(b, false)})
	if b.Kind == dialect.Call {
		s.delta(i, map[string]string{"type": "input_json_delta", "partial_json": string(b.Call.Function.Arguments)})
	}
}

func (s *stream) Grow(i int, b *dialect.Block, text string, _ []engine.Logprob) {
	if text == "" {
		return
	}
	if b.Kind == dialect.Thinking {
		s.delta(i, map[string]string{"type": "thinking_delta", "thinking": text})
		return
	}
	s.delta(i, map[string]string{"type": "text_delta", "text": text})
}

func (s *stream) Close(i int, b *dialect.Block) {
	if b.Kind == dialect.Thinking {
		s.delta(i, map[string]string{"type": "signature_delta", "signature": signature(b.Text)})
	}
	s.Event("content_block_stop", map[string]any{"type": "content_block_stop", "index": i})
}

func (s *stream) delta(i int, delta any) {
	s.Event("content_block_delta", map[string]any{"type": "content_block_delta", "index": i, "delta": delta})
}

// end sends the end of a whole message.
func (s *stream) end() {
	s.start()
	reason, sequence := s.stop()
	s.Event("message_delta", map[string]any{
		"type": "message_delta", "usage": s.usage(), "delta": map[string]any{"stop_reason": reason, "stop_sequence": sequence},
	})
	s.Event("message_stop", map[string]any{"type": "message_stop"})
}
