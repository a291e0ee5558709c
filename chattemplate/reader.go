package template

import (
	"crypto/rand"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/prompt"
)

// The tags around thoughts and calls. In some vocabularies they are tokens, in others
// text.
const (
	thinkTag    = "<think>"
	thinkEnd    = "</think>"
	callTag     = "<tool_call>" // Hermes, Qwen, Granite: a JSON object and
	callEnd     = "</tool_call>"
	callsTag    = "[TOOL_CALLS]"   // Mistral: an array, or name[ARGS]{…}
	argsTag     = "[ARGS]"         // between name and arguments
	idTag       = "[CALL_ID]"      // before a call's id, which is not kept
	pythonTag   = "<|python_tag|>" // Llama: an object follows, as it also does bare
	bareObject  = "{"
	space       = " \t\r\n"
	bareBetween = space + ";" // between Llama's calls
	fenceOpen   = "```json"   // small models put a bare call into a code block
	fenceClose  = "```"
)

type state int

const (
	starting state = iota // only white space or calls so far
	texting
	thinking
	calling // after callTag
	listing // after callsTag
	baring  // in an object that may be a call
)

// A reader finds thoughts and calls in a model's output. It holds text back while that may
// be the beginning of a tag or part of a call.
type reader struct {
	tools map[string]bool // names; nil: calls are not looked for
	state state
	held  string
	lead  string // white space before held, to be written if it is text
	trim  bool   // white space that comes is not to be written
	scan  scanner
	calls int
	fence bool // an open code block is before held
	cut   bool // a limit cut the answer
	out   []engine.Event
}

// Reader reads an answer to req.
func (f *Format) Reader(req *engine.ChatRequest) prompt.Reader {
	r := &reader{}
	if len(req.Tools) > 0 && req.ToolChoice.Mode != "none" {
		r.tools = map[string]bool{}
		for _, t := range req.Tools {
			r.tools[t.Function.Name] = true
		}
	}
	if f.beginsThinking(req) {
		r.state, r.trim = thinking, true
	}
	return r
}

// beginsThinking reports whether the prompt of req ends inside a thought. That depends on
// its settings, not on its messages.
func (f *Format) beginsThinking(req *engine.ChatRequest) bool {
	n := len(req.Messages)
	if f.template == nil || n > 0 && req.Messages[n-1].Prefix && !blank(req.Messages[n-1]) {
		return false
	}
	out, err := f.render(&engine.ChatRequest{Messages: []engine.Message{user("x")}, ReasoningEffort: req.ReasoningEffort}, true, 20)
	return err == nil && opensThought(out)
}

// Text reads text, which consists of complete runes.
func (r *reader) Text(s string) []engine.Event {
	r.held += s
	return r.read(false)
}

// Control reads a control token. It ignores tokens that are not tags.
func (r *reader) Control(name string) []engine.Event {
	switch name {
	case thinkTag:
		if r.state == starting || r.state == texting {
			r.flush()
			r.state, r.trim = thinking, true
		}
	case callTag, callsTag:
		switch {
		case r.state == calling && name == callTag:
			r.held += name
		case r.tools != nil && (r.state == starting || r.state == texting):
			r.flush()
			r.enter(name)
		}
	case pythonTag:
		if r.tools != nil && r.state == starting {
			r.lead, r.held = "", ""
		}
	case thinkEnd, callEnd, argsTag, idTag:
		if r.state == map[string]state{thinkEnd: thinking, callEnd: calling, argsTag: listing, idTag: listing}[name] {
			r.held += name
		}
	}
	return r.read(false)
}

// End reads the end of the answer.
func (r *reader) End(cut bool) ([]engine.Event, bool) {
	r.cut = cut
	return r.read(true), r.calls > 0
}

// read reads until more text is needed. end means that no more text comes.
func (r *reader) read(end bool) []engine.Event {
	for r.step(end) {
	}
	out := r.out
	r.out = nil
	return out
}

// step reads one element, and reports whether it was complete.
func (r *reader) step(end bool) bool {
	switch r.state {
	case starting:
		return r.start(end)
	case texting:
		return r.text(end)
	case thinking:
		return r.think(end)
	case calling:
		return r.call(end)
	case listing:
		return r.list(end)
	}
	return r.bare(end)
}

// tags are the tags that can occur in text.
func (r *reader) tags() []string {
	if r.tools == nil {
		return nil
	}
	return []string{callTag, callsTag}
}

// start reads the beginning of an answer, or of what follows a call.
func (r *reader) start(end bool) bool {
	cut := space
	if r.calls > 0 {
		cut = bareBetween
	}
	rest := strings.TrimLeft(r.held, cut)
	r.lead += r.held[:len(r.held)-len(rest)]
	r.held = rest
	if rest == "" && !end {
		return false
	}
	if r.fence {
		if after, ok := strings.CutPrefix(rest, fenceClose); ok {
			r.held, r.lead, r.fence = after, "", false
			return after != ""
		}
		if !end && strings.HasPrefix(fenceClose, rest) {
			return false
		}
		r.fence = false
	}
	if body, more := r.fenced(rest); more && !end {
		return false
	} else if body != "" {
		r.lead += rest[:len(rest)-len(body)]
		r.held, r.fence = body, true
		r.enter(bareObject)
		return true
	}
	tags := append([]string{thinkTag}, r.tags()...)
	if r.tools != nil {
		tags = append(tags, pythonTag, bareObject)
	}
	for _, t := range tags {
		if after, ok := strings.CutPrefix(rest, t); ok {
			r.enter(t)
			if t != bareObject {
				r.held = after
				r.lead = ""
			}
			return true
		}
		if !end && strings.HasPrefix(t, rest) {
			return false
		}
	}
	r.asText()
	return true
}

// fenced is the object in a code block that text begins with. more means that the text may
// become one.
func (r *reader) fenced(text string) (body string, more bool) {
	if r.tools == nil {
		return "", false
	}
	after, ok := strings.CutPrefix(text, fenceOpen)
	if !ok {
		return "", text != "" && strings.HasPrefix(fenceOpen, text)
	}
	if body = strings.TrimLeft(after, space); strings.HasPrefix(body, bareObject) {
		return body, false
	}
	return "", body == ""
}

func (r *reader) enter(tag string) {
	r.scan = scanner{}
	switch tag {
	case thinkTag:
		r.state, r.trim = thinking, true
	case callTag:
		r.state = calling
	case callsTag:
		r.state = listing
	case bareObject:
		r.state = baring
	}
}

func (r *reader) text(end bool) bool {
	at, tag := len(r.held), ""
	for _, t := range r.tags() {
		if i := strings.Index(r.held, t); i >= 0 && i < at {
			at, tag = i, t
		}
	}
	if tag != "" {
		r.say(r.held[:at])
		r.held = r.held[at+len(tag):]
		r.enter(tag)
		return true
	}
	keep := 0
	if !end {
		keep = beginning(r.held, r.tags()...)
	}
	r.say(r.held[:len(r.held)-keep])
	r.held = r.held[len(r.held)-keep:]
	return false
}

// beginning returns the length of the longest suffix of s that is a prefix of a tag.
func beginning(s string, tags ...string) int {
	for n := min(len(s), len(callsTag)); n > 0; n-- {
		for _, t := range tags {
			if n < len(t) && strings.HasSuffix(s, t[:n]) {
				return n
			}
		}
	}
	return 0
}

func (r *reader) think(end bool) bool {
	if r.trim {
		r.held = strings.TrimLeft(r.held, space)
		r.trim = r.held == ""
	}
	if thought, rest, ok := strings.Cut(r.held, thinkEnd); ok {
		r.ponder(strings.TrimRight(thought, space))
		r.held, r.state, r.trim = rest, starting, true
		return true
	}
	n := len(r.held)
	if !end {
		// White space at the end of a thought is not part of it.
		n -= beginning(r.held, thinkEnd)
		n = len(strings.TrimRight(r.held[:n], space))
	}
	r.ponder(r.held[:n])
	r.held = r.held[n:]
	return false
}

func (r *reader) call(end bool) bool {
	from := r.scan.at // before it was searched
	// Small models often write the opening tag where the closing one belongs.
	if j := strings.Index(r.held[from:], callTag); j >= 0 && !strings.Contains(r.held[:from+j], callEnd) {
		if c, ok := readCall(r.held[:from+j]); ok {
			r.emit(c)
			r.held, r.state = r.held[from+j:], starting
			return true
		}
	}
	if end && r.calls > 0 && strings.TrimSpace(r.held) == "" {
		r.held, r.state = "", starting
		return false
	}
	i := strings.Index(r.held[from:], callEnd)
	if i < 0 && !end {
		r.scan.at = max(0, len(r.held)-len(callEnd))
		return false
	}
	body, rest, closing := r.held, "", ""
	if i >= 0 {
		body, rest, closing = r.held[:from+i], r.held[from+i+len(callEnd):], callEnd
	}
	r.held, r.state = rest, starting
	if c, ok := readCall(body); ok {
		r.emit(c)
	} else if r.cut && closing == "" {
		r.emitCut(prompt.CutCalls(body))
	} else {
		r.say(callTag + body + closing)
		r.state = texting
	}
	return r.held != ""
}

func (r *reader) list(end bool) bool {
	body := strings.TrimLeft(r.held, space)
	open := strings.IndexAny(body, "[{")
	if open > 0 {
		open = strings.IndexByte(body, '{') // of the arguments, after a name
	}
	if open < 0 || !r.scan.end(body[open:]) {
		if end {
			switch {
			case !r.cut:
				r.say(callsTag + r.held)
			case open == 0:
				r.emitCut(prompt.CutCalls(body))
			default:
				if open < 0 {
					open = len(body)
				}
				name, _, complete := strings.Cut(body[:open], "[")
				if complete || open < len(body) {
					r.emitCut([]engine.FunctionCall{{Name: strings.TrimSpace(name), Arguments: engine.Arguments(body[open:])}})
				}
			}
			r.held, r.state = "", texting
		}
		return false
	}
	name, _, _ := strings.Cut(body[:open], "[")
	value := body[open : open+r.scan.at]
	rest := body[open+len(value):]
	if calls, ok := readCalls(strings.TrimSpace(name), value); ok {
		r.state = starting
		for _, c := range calls {
			r.emit(c)
		}
	} else {
		r.state = texting
		r.say(callsTag + strings.TrimSuffix(r.held, rest))
	}
	r.held = rest
	return rest != ""
}

func (r *reader) bare(end bool) bool {
	if r.scan.end(r.held) {
		if c, ok := readCall(r.held[:r.scan.at]); ok && r.tools[c.name] {
			r.emit(c)
			r.held, r.lead, r.state = r.held[r.scan.at:], "", starting
			return r.held != ""
		}
		end = true
	} else if r.cut {
		if calls := prompt.CutCalls(r.held); len(calls) > 0 && r.tools[calls[0].Name] {
			r.emitCut(calls)
			r.held, r.lead, r.state = "", "", texting
			return false
		}
	}
	if end || !plausible(r.held) {
		r.asText()
		return true
	}
	return false
}

// asText treats the held text as the beginning of the answer's text.
func (r *reader) asText() {
	r.held = r.lead + r.held
	if r.trim {
		r.held = strings.TrimLeft(r.held, space)
	}
	r.lead, r.trim, r.fence, r.state = "", false, false, texting
}

// plausible reports whether an incomplete object may be a call, by its first key.
func plausible(s string) bool {
	s = strings.TrimLeft(strings.TrimPrefix(s, bareObject), space)
	return slices.ContainsFunc([]string{`"name"`, `"type"`, `"function"`, `"parameters"`, `"arguments"`}, func(key string) bool {
		return strings.HasPrefix(s, key) || strings.HasPrefix(key, s)
	})
}

// flush emits the held text.
func (r *reader) flush() {
	if r.held = r.lead + r.held; strings.TrimLeft(r.held, space) == "" && r.state == starting {
		r.held = ""
	}
	r.say(r.held)
	r.held, r.lead = "", ""
}

func (r *reader) say(s string) {
	if s != "" {
		r.out = append(r.out, engine.TextDelta{Text: s})
	}
}

func (r *reader) ponder(s string) {
	if s != "" {
		r.out = append(r.out, engine.ThinkingDelta{Text: s})
	}
}

// emitCut writes calls, the last of which may have the beginning of its arguments only.
func (r *reader) emitCut(calls []engine.FunctionCall) {
	for _, f := range calls {
		r.emit(call{f.Name, string(f.Arguments)})
	}
}

// emit writes a call.
func (r *reader) emit(c call) {
	r.out = append(r.out, engine.ToolCallDelta{Call: engine.ToolCall{
		ID:       rand.Text()[:9],
		Type:     "function",
		Index:    r.calls,
		Function: engine.FunctionCall{Name: c.name, Arguments: engine.Arguments(c.arguments)},
	}})
	r.calls++
	r.trim = true
}
