package api

import (
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
)

// A whole collects an answer that is sent at once.
type whole struct {
	g       *generation
	strict  bool
	choices []wholeChoice
	done    *engine.Done
	leftOut *wire.LeftOut
}

type wholeChoice struct {
	text, thinking strings.Builder
	refusal        strings.Builder
	calls          []engine.ToolCall
	logprobs       []engine.Logprob
	finish         engine.Finish
}

func newWhole(g *generation, strict bool) *whole {
	return &whole{g: g, strict: strict, choices: make([]wholeChoice, g.choices)}
}

func (w *whole) add(ev engine.Event) error {
	if i, ok := choiceOf(ev); ok && (i < 0 || i >= len(w.choices)) {
		return errStray("has a choice that was not asked for")
	}
	switch ev := ev.(type) {
	case engine.LeftOut:
		w.leftOut = (*wire.LeftOut)(&ev)
	case engine.TextDelta:
		c := &w.choices[ev.Choice]
		if ev.Refusal && !w.g.text {
			c.refusal.WriteString(ev.Text)
			break
		}
		c.text.WriteString(ev.Text)
		c.logprobs = append(c.logprobs, ev.Logprobs...)
	case engine.ThinkingDelta:
		w.choices[ev.Choice].thinking.WriteString(ev.Text)
	case engine.ToolCallDelta:
		c := &w.choices[ev.Choice]
		c.calls = append(c.calls, callOf(ev.Call, len(c.calls)))
	case engine.Finish:
		w.choices[ev.Choice].finish = ev
	case engine.Done:
		w.done = &ev
	}
	return nil
}

func (w *whole) answer() (wire.Answer, error) {
	if w.done == nil {
		return wire.Answer{}, errStray("ended early")
	}
	a := w.g.template()
	a.Usage = &w.done.Usage
	a.Bise = &wire.Extra{Timings: &w.done.Timings, LeftOut: w.leftOut}
	for i := range w.choices {
		c := &w.choices[i]
		choice := wire.Choice{Index: i}
		choice.FinishReason, choice.Finish = finishReason(c.finish.Reason, w.strict)
		choice.Stop = wire.Optional(c.finish.Stop)
		text := w.g.echoOf(i) + c.text.String()
		if w.g.text {
			choice.Text = &text
			choice.Logprobs = w.g.legacyLogprobs(i, c.logprobs, true)
		} else {
			choice.Message = &wire.Message{Role: engine.Assistant, Content: c.content(text), ToolCalls: c.calls, Refusal: c.refusal.String()}
			choice.Logprobs = wire.NewLogprobs(c.logprobs)
		}
		a.Choices = append(a.Choices, choice)
	}
	return a, nil
}

// content is a text, after the thinking where there is any.
func (c *wholeChoice) content(text string) engine.Content {
	if c.thinking.Len() == 0 {
		return engine.Text(text)
	}
	content := engine.Content{{Type: engine.ThinkingChunk, Text: c.thinking.String()}}
	if text != "" {
		content = append(content, engine.Text(text)...)
	}
	return content
}

// choiceOf is the choice that an event belongs to, if it does to one.
func choiceOf(ev engine.Event) (int, bool) {
	switch ev := ev.(type) {
	case engine.TextDelta:
		return ev.Choice, true
	case engine.ThinkingDelta:
		return ev.Choice, true
	case engine.ToolCallDelta:
		return ev.Choice, true
	case engine.Finish:
		return ev.Choice, true
	}
	return 0, false
}

// callOf is a call with what clients need of it, the index-th of its choice.
func callOf(c engine.ToolCall, index int) engine.ToolCall {
	c.Type, c.Index = "function", index
	return c
}
