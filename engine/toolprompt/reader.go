package toolprompt

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
)

const blanks = " \t\r\n"

// A reader finds the calls in one answer.
type reader struct {
	choice   int
	tools    []engine.Tool
	single   bool // at most one call
	required bool // the whole answer is a call

	held     string // text that may belong to a call
	logprobs []engine.Logprob
	begun    bool // there was text, or a call
	inside   bool // held is after openTag
	calls    int
}

// text takes the next piece of the answer. Text that cannot belong to a call passes.
func (r *reader) text(ev engine.TextDelta) (out []engine.Event) {
	r.held += ev.Text
	r.logprobs = append(r.logprobs, ev.Logprobs...)
	for {
		switch {
		case r.inside:
			body, rest, closed := strings.Cut(r.held, closeTag)
			if !closed {
				return out
			}
			out = append(out, r.call(body, openTag+body+closeTag)...)
			r.held, r.inside = rest, false
		case r.bare():
			return out // up to the end
		default:
			before, rest, opened := strings.Cut(r.held, openTag)
			if !opened {
				// Blanks before a call are no text.
				text := strings.TrimRight(r.held[:len(r.held)-overlap(r.held, openTag)], blanks)
				out = append(out, r.say(text)...)
				r.held = r.held[len(text):]
				return out
			}
			out = append(out, r.say(strings.TrimRight(before, blanks))...)
			r.held, r.inside = rest, true
		}
	}
}

// bare reports whether the answer may be the JSON of a call without tags, which small models
// write.
func (r *reader) bare() bool {
	return r.required || !r.begun && r.calls == 0 && strings.HasPrefix(strings.TrimLeft(r.held, blanks), "{")
}

// overlap is the length of the longest end of s that begins a tag.
func overlap(s, tag string) int {
	for n := min(len(s), len(tag)-1); n > 0; n-- {
		if strings.HasSuffix(s, tag[:n]) {
			return n
		}
	}
	return 0
}

func (r *reader) say(text string) []engine.Event {
	if text == "" {
		return nil
	}
	r.begun = true
	ev := engine.TextDelta{Choice: r.choice, Text: text, Logprobs: r.logprobs}
	r.logprobs = nil
	return []engine.Event{ev}
}

// call makes an event of the JSON of a call, or a text event if it cannot be read as a call.
func (r *reader) call(body, raw string) []engine.Event {
	var c struct {
		Name       string          `json:"name"`
		Arguments  json.RawMessage `json:"arguments"`
		Parameters json.RawMessage `json:"parameters"` // as Llama has it
	}
	if json.Unmarshal([]byte(body), &c) != nil || !r.has(c.Name) {
		return r.say(raw)
	}
	if c.Arguments == nil {
		c.Arguments = c.Parameters
	}
	var quoted string
	if json.Unmarshal(c.Arguments, &quoted) == nil && json.Valid([]byte(quoted)) {
		c.Arguments = json.RawMessage(quoted) // the object as a string
	}
	if c.Arguments = bytes.TrimSpace(c.Arguments); len(c.Arguments) == 0 || c.Arguments[0] != '{' {
		c.Arguments = json.RawMessage("{}")
	}
	return r.made(c.Name, string(c.Arguments))
}

func (r *reader) has(name string) bool {
	return slices.ContainsFunc(r.tools, func(t engine.Tool) bool { return t.Function.Name == name })
}

func (r *reader) made(name, args string) []engine.Event {
	r.logprobs = nil
	if r.calls++; r.single && r.calls > 1 {
		return nil
	}
	return []engine.Event{engine.ToolCallDelta{Choice: r.choice, Call: engine.ToolCall{
		ID: rand.Text()[:9], Type: "function", Index: r.calls - 1,
		Function: engine.FunctionCall{Name: name, Arguments: engine.Arguments(args)},
	}}}
}

// cutCall is the beginning of a call that the token limit cut.
var cutCall = regexp.MustCompile(`^\s*\{\s*"name"\s*:\s*"([^"\\]+)"\s*,\s*"(?:arguments|parameters)"\s*:\s*(\{[\s\S]*)$`)

// finish ends the answer. What is held may be a call without its closing tag, or a part of
// one.
func (r *reader) finish(ev engine.Finish) (out []engine.Event) {
	held := r.held
	if r.inside || r.bare() {
		raw := held
		if r.inside {
			raw = openTag + held
		}
		cut := cutCall.FindStringSubmatch(held)
		switch {
		case ev.Reason == engine.FinishLength && cut != nil && r.has(cut[1]) && !json.Valid([]byte(held)):
			out = r.made(cut[1], cut[2])
		default:
			out = r.call(held, raw)
		}
	} else if r.calls == 0 || strings.TrimSpace(held) != "" {
		out = r.say(held)
	}
	if len(r.logprobs) > 0 {
		out = append(out, engine.TextDelta{Choice: r.choice, Logprobs: r.logprobs})
	}
	if r.calls > 0 && ev.Reason == engine.FinishStop {
		ev.Reason = engine.FinishToolCalls
	}
	return append(out, ev)
}
