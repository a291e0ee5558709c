package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
)

// A stream writes an answer as La Plateforme streams it: a first chunk with the
// role, the prefix that the answer continues as one delta, the deltas, and a last
// chunk with the finish reason and the usage.
type stream struct {
	g       *generation
	out     *outbox
	strict  bool
	head    wire.Answer // what all chunks have in common
	begun   bool
	choices []streamChoice
	finish  *wire.Choice // pending finish of a choice: the last one is sent with the usage
	leftOut *wire.LeftOut
	ended   bool
	scratch bytes.Buffer
}

type streamChoice struct {
	begun    bool
	space    string // the end of the prefix, which goes before the next text
	thinking bool
	calls    int
}

func newStream(g *generation, out *outbox, strict bool) *stream {
	return &stream{g: g, out: out, strict: strict, head: g.template(), choices: make([]streamChoice, g.choices)}
}

// add writes an event. It reports false when the client is gone.
func (s *stream) add(ev engine.Event) (listening bool, err error) {
	if i, ok := choiceOf(ev); ok && (i < 0 || i >= len(s.choices)) {
		return false, errStray("has a choice that was not asked for")
	}
	switch ev := ev.(type) {
	case engine.Loading, engine.Progress, engine.PromptLogprobs:
		return s.comment(ev), nil
	case engine.LeftOut:
		s.leftOut = (*wire.LeftOut)(&ev)
		return s.comment(ev), nil
	case engine.TextDelta:
		return s.begin(ev.Choice) && s.text(ev), nil
	case engine.ThinkingDelta:
		s.choices[ev.Choice].thinking = true
		return s.begin(ev.Choice) && s.delta(ev.Choice, &wire.Message{
			Content: engine.Content{{Type: engine.ThinkingChunk, Text: ev.Text, Open: true}},
		}), nil
	case engine.ToolCallDelta:
		c := &s.choices[ev.Choice]
		call := callOf(ev.Call, c.calls)
		c.calls++
		return s.begin(ev.Choice) && s.delta(ev.Choice, &wire.Message{ToolCalls: []engine.ToolCall{call}}), nil
	case engine.Finish:
		return s.begin(ev.Choice) && s.rest(ev.Choice) && s.finished(ev), nil
	case engine.Done:
		if s.finish == nil {
			return false, errStray("has no finish")
		}
		return s.done(ev), nil
	}
	return true, nil
}

func (s *stream) comment(ev engine.Event) bool {
	return s.out.put(func(b []byte) []byte {
		b, _ = wire.AppendComment(b, ev)
		return b
	})
}

// begin sends the role before the first delta, and the echo of a choice before its first.
func (s *stream) begin(choice int) bool {
	if !s.begun {
		s.begun = true
		var roles []wire.Choice
		for i := range s.choices {
			roles = append(roles, wire.Choice{Index: i, Delta: &wire.Message{Role: engine.Assistant}})
		}
		if !s.g.text && !s.chunk(roles...) {
			return false
		}
	}
	c := &s.choices[choice]
	if c.begun {
		return true
	}
	c.begun = true
	whole := s.g.echoOf(choice)
	echo := strings.TrimRightFunc(whole, unicode.IsSpace)
	c.space = whole[len(echo):]
	if echo == "" && !s.g.logprobs {
		return true
	}
	first := s.textChoice(choice, echo)
	if s.g.text {
		first.Logprobs = s.g.legacyLogprobs(choice, nil, true)
	}
	return s.chunk(first)
}

func (s *stream) textChoice(i int, text string) wire.Choice {
	if s.g.text {
		return wire.Choice{Index: i, Text: &text}
	}
	return wire.Choice{Index: i, Delta: &wire.Message{Content: engine.Text(text)}}
}

func (s *stream) text(ev engine.TextDelta) bool {
	c := &s.choices[ev.Choice]
	text := c.space + ev.Text
	c.space = ""
	choice := s.textChoice(ev.Choice, text)
	switch {
	case ev.Refusal && !s.g.text:
		choice.Delta = &wire.Message{Refusal: text}
	case s.g.text:
		choice.Logprobs = s.g.legacyLogprobs(ev.Choice, ev.Logprobs, false)
	case c.thinking:
		c.thinking = false
		choice.Delta.Content = engine.Content{{Type: engine.ThinkingChunk}, {Type: engine.TextChunk, Text: text}}
		fallthrough
	default:
		choice.Logprobs = wire.NewLogprobs(ev.Logprobs)
	}
	return s.chunk(choice)
}

// rest sends the rest of the prefix if no text came after it.
func (s *stream) rest(i int) bool {
	return s.choices[i].space == "" || s.text(engine.TextDelta{Choice: i})
}

func (s *stream) delta(i int, m *wire.Message) bool {
	return s.chunk(wire.Choice{Index: i, Delta: m})
}

func (s *stream) finished(ev engine.Finish) bool {
	choice := s.textChoice(ev.Choice, "")
	choice.FinishReason, choice.Finish = finishReason(ev.Reason, s.strict)
	choice.Stop = wire.Optional(ev.Stop)
	ok := s.flushFinish()
	s.finish = &choice
	return ok
}

// flushFinish sends a finish that is not the last.
func (s *stream) flushFinish() bool {
	if s.finish == nil {
		return true
	}
	choice := *s.finish
	s.finish = nil
	return s.frame(wire.Answer{Choices: []wire.Choice{choice}})
}

// chunk sends pieces of choices.
func (s *stream) chunk(choices ...wire.Choice) bool {
	return s.flushFinish() && s.frame(wire.Answer{Choices: choices})
}

func (s *stream) done(ev engine.Done) bool {
	s.ended = true
	return s.frame(wire.Answer{
		Choices: []wire.Choice{*s.finish}, Usage: &ev.Usage,
		Bise: &wire.Extra{Timings: &ev.Timings, LeftOut: s.leftOut},
	}) && s.close()
}

// end reports an answer without a Done event.
func (s *stream) end() error {
	if !s.ended {
		return errStray("ended early")
	}
	return nil
}

// fail ends a started answer with an error, in a chunk that Mistral's client accepts as
// the last one and whose error OpenAI's client raises.
func (s *stream) fail(err error) {
	f, _ := describe(err)
	choice := s.textChoice(0, "")
	choice.FinishReason = new(wire.FinishError)
	if s.frame(wire.Answer{Choices: []wire.Choice{choice}, Error: f}) {
		s.close()
	}
}

func (s *stream) close() bool {
	return s.out.put(func(b []byte) []byte { return append(b, "data: "+wire.Done+"\n\n"...) })
}

// frame sends an answer with the header of this stream.
func (s *stream) frame(a wire.Answer) bool {
	a.ID, a.Object, a.Created, a.Model = s.head.ID, s.head.Object, s.head.Created, s.head.Model
	s.scratch.Reset()
	enc := json.NewEncoder(&s.scratch)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(a); err != nil {
		panic("api: encode an answer: " + err.Error())
	}
	return s.out.put(func(b []byte) []byte {
		b = append(b, "data: "...)
		b = append(b, s.scratch.Bytes()...) // ends with a newline
		return append(b, '\n')
	})
}
