package prompt

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// Models without thinking tokens that think all the same (Magistral of June
// 2025, and many fine-tuned ones) write their thoughts between these.
const (
	openTag  = "<think>"
	closeTag = "</think>"
)

const blanks = " \t\r\n"

// Reader reads the answer to a request.
func (f *format) Reader(r *engine.ChatRequest) Reader {
	return &reader{in: begins(r), gap: f.gap(r), tags: continued(r) == nil}
}

// continued returns the assistant's message that the answer continues, or nil.
func continued(r *engine.ChatRequest) *engine.Message {
	if n := len(r.Messages); n > 0 && r.Messages[n-1].Prefix {
		return &r.Messages[n-1]
	}
	return nil
}

// begins is where the answer to a request begins.
func begins(r *engine.ChatRequest) where {
	m := continued(r)
	if m == nil || len(m.Content) == 0 || len(m.ToolCalls) > 0 {
		return opening
	}
	last := m.Content[len(m.Content)-1]
	switch begun := m.Content.Plain(); {
	case last.Type == engine.ThinkingChunk && last.Open:
		return thought
	case strings.HasPrefix(begun, openTag) && !strings.Contains(begun, closeTag):
		return taggedThought
	}
	return opening
}

// gap reports whether an answer begins with a space to drop: the one that SentencePiece
// puts before text, or one cut from the end of the message that the answer continues.
func (f *format) gap(r *engine.ChatRequest) bool {
	if m := continued(r); m != nil {
		return f.trim && strings.HasSuffix(m.Content.Plain(), " ")
	}
	return !f.tekken
}

// where is a reader's position in an answer.
type where int

const (
	opening       where = iota // before the first text, which decides what it is
	answer                     // in text
	thought                    // between [THINK] and [/THINK]
	taggedThought              // between <think> and </think>
	afterThought               // after </think>, where blanks are dropped
	call                       // after [TOOL_CALLS]
)

type reader struct {
	in    where
	gap   bool   // a space at the opening is left out
	tags  bool   // the opening may be <think>, and no blanks follow it
	held  string // text that cannot be emitted yet
	call  openCall
	calls int // so far
	cut   bool
}

// openCall is an incomplete tool call, or a list of them.
type openCall struct {
	raw            strings.Builder // with the control tokens' names
	name, id, args strings.Builder
	part           *strings.Builder
	hasArgs        bool
}

func (a *reader) Control(name string) []engine.Event {
	var events []engine.Event
	switch name {
	case beginCall:
		events = append(a.endCall(), a.release()...)
		a.call = openCall{}
		a.call.raw.WriteString(name)
		a.call.part = &a.call.name
		a.in = call
	case callID, arguments:
		if a.in != call {
			return nil
		}
		a.call.raw.WriteString(name)
		a.call.part = &a.call.id
		if name == arguments {
			a.call.part, a.call.hasArgs = &a.call.args, true
		}
	case beginThink:
		events = append(a.endCall(), a.release()...)
		a.in = thought
	case endThink:
		events = append(a.endCall(), a.release()...)
		a.in = answer
	default:
		events = a.endCall()
	}
	return events
}

func (a *reader) Text(s string) []engine.Event {
	if s == "" {
		return nil
	}
	switch a.in {
	case opening:
		return a.open(s)
	case answer:
		return words(s)
	case thought:
		return thoughts(s)
	case taggedThought:
		return a.tagged(s)
	case afterThought:
		s = strings.TrimLeft(s, blanks)
		if s != "" {
			a.in = answer
		}
		return words(s)
	}
	a.call.raw.WriteString(s)
	a.call.part.WriteString(s)
	return nil
}

func (a *reader) End(cut bool) (events []engine.Event, called bool) {
	a.cut = cut
	events = append(a.endCall(), a.release()...)
	return events, a.calls > 0
}

// open reads the answer's first text. It emits nothing while the text may be the tag that
// opens a thought.
func (a *reader) open(s string) []engine.Event {
	s = a.held + s
	if rest, blank := strings.TrimLeft(s, blanks), ""; a.tags {
		blank = s[:len(s)-len(rest)]
		switch {
		case strings.HasPrefix(rest, openTag):
			a.held, a.in = "", taggedThought
			return a.tagged(rest[len(openTag):])
		case strings.HasPrefix(openTag, rest) && len(blank) < 64:
			a.held = s
			return nil
		}
	}
	a.held, a.in = "", answer
	if a.gap {
		s = strings.TrimPrefix(s, " ")
	}
	return words(s)
}

// tagged reads a thought between tags. It trims blanks at both ends, so it holds back
// trailing blanks until more text comes.
func (a *reader) tagged(s string) []engine.Event {
	s = a.held + s
	if a.tags {
		s = strings.TrimLeft(s, blanks)
		a.tags = s == ""
	}
	if inside, after, closed := strings.Cut(s, closeTag); closed {
		a.held, a.in = "", afterThought
		return append(thoughts(strings.TrimRight(inside, blanks)), a.Text(after)...)
	}
	n := len(s)
	for k := min(len(closeTag)-1, n); k > 0; k-- {
		if strings.HasSuffix(s, closeTag[:k]) {
			n -= k
			break
		}
	}
	shown := strings.TrimRight(s[:n], blanks)
	a.held = s[len(shown):]
	return thoughts(shown)
}

// release returns the held text.
func (a *reader) release() []engine.Event {
	held := a.held
	a.held = ""
	switch {
	case a.in == taggedThought:
		return thoughts(strings.TrimRight(held, blanks))
	case strings.Trim(held, blanks) == "":
		return nil
	case a.gap:
		held = strings.TrimPrefix(held, " ")
	}
	return words(held)
}

func words(s string) []engine.Event {
	if s == "" {
		return nil
	}
	return []engine.Event{engine.TextDelta{Text: s}}
}

func thoughts(s string) []engine.Event {
	if s == "" {
		return nil
	}
	return []engine.Event{engine.ThinkingDelta{Text: s}}
}

// endCall emits the pending call, if there is one; a call that does not parse is emitted
// as text.
func (a *reader) endCall() []engine.Event {
	if a.in != call {
		return nil
	}
	a.in = answer
	calls, rest, err := a.call.read()
	if a.cut && (err != nil || !strings.ContainsAny(a.call.name.String()+a.call.args.String(), "{[")) {
		calls, err = a.call.partial(), nil
	}
	if err != nil {
		return words(a.call.raw.String())
	}
	var events []engine.Event
	for _, c := range calls {
		if len(c.ID) != 9 || strings.Trim(c.ID, lettersAndDigits) != "" {
			c.ID = rand.Text()[:9]
		}
		c.Type, c.Index = "function", a.calls
		a.calls++
		events = append(events, engine.ToolCallDelta{Call: c})
	}
	return append(events, words(rest)...)
}

// read accepts any version's syntax of calls, since a model may have been trained on
// another one. Text after a list of calls is the rest.
func (c *openCall) read() (calls []engine.ToolCall, rest string, err error) {
	name := strings.TrimSpace(c.name.String())
	if !c.hasArgs && (strings.HasPrefix(name, "[") || strings.HasPrefix(name, "{")) {
		return readCalls(name)
	}
	args := c.args.String()
	if i := strings.IndexByte(name, '{'); i > 0 && !c.hasArgs {
		name, args = strings.TrimSpace(name[:i]), name[i:]
	}
	one, err := newCall(name, strings.TrimSpace(c.id.String()), args)
	return []engine.ToolCall{one}, "", err
}

// partial reads a call that was cut, if its name is known.
func (c *openCall) partial() []engine.ToolCall {
	name := strings.TrimSpace(c.name.String())
	found := []engine.FunctionCall{{Name: name, Arguments: engine.Arguments(strings.TrimSpace(c.args.String()))}}
	if i := strings.IndexAny(name, "[{"); i == 0 && !c.hasArgs {
		found = CutCalls(name)
	} else if i > 0 && !c.hasArgs {
		found = []engine.FunctionCall{{Name: strings.TrimSpace(name[:i]), Arguments: engine.Arguments(name[i:])}}
	} else if c.part == &c.name {
		return nil // the name may be longer
	}
	var calls []engine.ToolCall
	for _, f := range found {
		if checkName("", f.Name) == nil {
			calls = append(calls, engine.ToolCall{ID: strings.TrimSpace(c.id.String()), Function: f})
		}
	}
	return calls
}

// readCalls reads a list of {"name": …, "arguments": …, "id": …}, or one of them.
func readCalls(s string) (calls []engine.ToolCall, rest string, err error) {
	type object struct {
		Name      string           `json:"name"`
		Arguments engine.Arguments `json:"arguments"`
		ID        string           `json:"id"`
	}
	var objects []object
	d := json.NewDecoder(strings.NewReader(s))
	if s[0] == '{' {
		objects = make([]object, 1)
		err = d.Decode(&objects[0])
	} else {
		err = d.Decode(&objects)
	}
	if err != nil {
		return nil, "", err
	}
	for _, o := range objects {
		c, err := newCall(o.Name, o.ID, string(o.Arguments))
		if err != nil {
			return nil, "", err
		}
		calls = append(calls, c)
	}
	if len(calls) == 0 {
		return nil, "", errors.New("the list of calls is empty")
	}
	return calls, strings.TrimSpace(s[d.InputOffset():]), nil
}

func newCall(name, id, args string) (engine.ToolCall, error) {
	args = strings.TrimSpace(args)
	switch {
	case args == "" || args == "null":
		args = "{}"
	case args[0] != '{' || !json.Valid([]byte(args)):
		return engine.ToolCall{}, errors.New("arguments are not a JSON object")
	}
	if err := checkName("", name); err != nil {
		return engine.ToolCall{}, err
	}
	return engine.ToolCall{ID: id, Function: engine.FunctionCall{Name: name, Arguments: engine.Arguments(args)}}, nil
}
