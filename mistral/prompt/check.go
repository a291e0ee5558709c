package prompt

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func invalid(param, format string, args ...any) *fault.Error {
	e := fault.Errorf(fault.Invalid, format, args...)
	e.Param = param
	return e
}

func unsupported(param, format string, args ...any) *fault.Error {
	e := fault.Errorf(fault.Unsupported, format, args...)
	e.Param = param
	return e
}

func (f *format) unsupported(param, what string) *fault.Error {
	return unsupported(param, "models of version %s %s", f.version, what)
}

// check rejects conversations that the reference rejects.
func (f *format) check(r *engine.ChatRequest) error {
	for _, err := range []func(*engine.ChatRequest) error{f.checkOrder, f.checkPairs, f.checkMessages, f.checkTools} {
		if err := err(r); err != nil {
			return err
		}
	}
	if r.Transcription != nil {
		return f.checkTranscription(r)
	}
	if r.ReasoningEffort != "" && !f.settings {
		return f.unsupported("reasoning_effort", "have no reasoning effort")
	}
	return nil
}

// checkTranscription rejects a transcription of anything but one message with audio alone.
func (f *format) checkTranscription(r *engine.ChatRequest) error {
	m := r.Messages[0]
	if len(r.Messages) != 1 || m.Role != engine.User || len(m.Content) != 1 || m.Content[0].Type != engine.AudioChunk || len(r.Tools) > 0 {
		return invalid("messages", "a transcription needs one message with audio and nothing else")
	}
	if !f.Has(transcribe) {
		return unsupported("transcription", "the model's vocabulary has no token %s", transcribe)
	}
	return CheckLanguage(r.Transcription.Language)
}

// CheckLanguage rejects what is not the code of a language, such as fr or pt-BR. No code is
// valid too.
func CheckLanguage(code string) error {
	ok := len(code) <= 16
	for i, part := range strings.Split(code, "-") {
		letters := strings.Trim(strings.ToLower(part), "abcdefghijklmnopqrstuvwxyz") == ""
		ok = ok && (code == "" || letters && len(part) >= 2 && (i > 0 || len(part) <= 3))
	}
	if !ok {
		return &fault.Error{Kind: fault.Invalid, Param: "language", Msg: fmt.Sprintf("invalid language %.20q", code), Advice: "Give its code, such as en or fr."}
	}
	return nil
}

// follows maps a role to the roles that may come after it.
var follows = map[engine.Role]string{
	engine.System:    "user assistant system",
	engine.User:      "assistant system user",
	engine.Assistant: "assistant user tool",
	engine.ToolRole:  "assistant tool user",
}

func (f *format) checkOrder(r *engine.ChatRequest) error {
	if len(r.Messages) == 0 {
		return invalid("messages", "the conversation is empty")
	}
	for i, m := range r.Messages {
		if _, known := follows[m.Role]; !known {
			return invalid(at(i, "role"), "message %d has the unknown role %q", i+1, m.Role)
		}
		if i > 0 && !contains(follows[r.Messages[i-1].Role], string(m.Role)) {
			return invalid(at(i, "role"), "message %d, from %s, cannot follow one from %s", i+1, m.Role, r.Messages[i-1].Role)
		}
	}
	last := r.Messages[len(r.Messages)-1]
	switch {
	case len(r.Messages) == 1 && last.Role != engine.User && last.Role != engine.System:
		return invalid("messages", "a conversation cannot be one message from %s", last.Role)
	case last.Role == engine.Assistant && !last.Prefix:
		return &fault.Error{
			Kind: fault.Invalid, Param: "messages",
			Msg:    "the last message is the assistant's, so there is nothing to answer",
			Advice: "Set its prefix field to continue it.",
		}
	}
	return nil
}

func at(message int, field string) string { return fmt.Sprintf("messages[%d].%s", message, field) }

// contains reports whether word is in a list of words.
func contains(words, word string) bool { return slices.Contains(strings.Fields(words), word) }

// checkPairs checks that every call has its result before the next message of the
// assistant. Like the reference it ignores the first message.
func (f *format) checkPairs(r *engine.ChatRequest) error {
	if f.sorted {
		return checkPairsByID(r)
	}
	open := 0
	for i, m := range r.Messages[1:] {
		switch m.Role {
		case engine.ToolRole:
			open--
		case engine.Assistant:
			if open != 0 {
				return unpaired(i+1, open)
			}
			open = len(m.ToolCalls)
		}
	}
	if open != 0 {
		return unpaired(len(r.Messages), open)
	}
	return nil
}

// unpaired is the error of calls without results before a message, or, below 0,
// of results without calls.
func unpaired(message, open int) error {
	if open > 0 {
		return invalid("messages", "%d of the tool calls before message %d have no result", open, message+1)
	}
	return invalid("messages", "%d of the tool results before message %d answer no call", -open, message+1)
}

func checkPairsByID(r *engine.ChatRequest) error {
	answered := make(map[string]bool) // calls of the last assistant message, by id
	open := 0
	for i, m := range r.Messages[1:] {
		i++
		switch m.Role {
		case engine.ToolRole:
			done, called := answered[m.ToolCallID]
			if !called {
				return invalid(at(i, "tool_call_id"), "message %d is the result of the call %q, which does not exist", i+1, m.ToolCallID)
			}
			if done {
				return invalid(at(i, "tool_call_id"), "message %d is a second result of the call with id %q", i+1, m.ToolCallID)
			}
			answered[m.ToolCallID] = true
			open--
		case engine.Assistant:
			if open != 0 {
				return unpaired(i, open)
			}
			clear(answered)
			for k, c := range m.ToolCalls {
				if _, twice := answered[c.ID]; twice {
					return invalid(at(i, fmt.Sprintf("tool_calls[%d].id", k)), "message %d has two calls with id %q", i+1, c.ID)
				}
				answered[c.ID] = false
			}
			open = len(m.ToolCalls)
		}
	}
	if open != 0 {
		return unpaired(len(r.Messages), open)
	}
	return nil
}

// checkMessages looks at what each message holds.
func (f *format) checkMessages(r *engine.ChatRequest) error {
	if !f.systemAudio && hasSystem(r.Messages) && hasAudio(r.Messages) {
		err := f.unsupported("messages", "take no system prompt in a conversation with audio")
		err.Advice = "Leave the system prompt out."
		return err
	}
	for i, m := range r.Messages {
		if m.Content == nil && m.Role != engine.Assistant {
			return invalid(at(i, "content"), "message %d, from %s, has no content", i+1, m.Role)
		}
		for k, c := range m.Content {
			if err := f.checkChunk(m.Role, c, at(i, fmt.Sprintf("content[%d]", k))); err != nil {
				return err
			}
		}
		var err error
		switch m.Role {
		case engine.Assistant:
			err = f.checkAssistant(i, m, i == len(r.Messages)-1)
		case engine.ToolRole:
			err = f.checkResult(i, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func hasSystem(messages []engine.Message) bool {
	return slices.ContainsFunc(messages, func(m engine.Message) bool { return m.Role == engine.System })
}

func hasAudio(messages []engine.Message) bool {
	return slices.ContainsFunc(messages, func(m engine.Message) bool {
		return slices.ContainsFunc(m.Content, func(c engine.Chunk) bool { return c.Type == engine.AudioChunk })
	})
}

func (f *format) checkChunk(role engine.Role, c engine.Chunk, param string) error {
	switch c.Type {
	case engine.TextChunk:
		return nil
	case engine.ImageChunk:
		switch {
		case role != engine.User && role != engine.ToolRole:
			return invalid(param, "a message from %s cannot contain an image", role)
		case role == engine.ToolRole && !f.resultImages:
			return f.unsupported(param, "accept no images in tool results")
		case !f.images:
			return f.unsupported(param, "accept no images")
		case !f.Images:
			return unsupported(param, "the model has no vision")
		case !strings.HasPrefix(c.ImageURL, "data:"):
			return invalid(param, "an image must be a data: URL")
		}
		return nil
	case engine.AudioChunk:
		switch {
		case role != engine.User:
			return invalid(param, "a message from %s cannot contain audio", role)
		case !f.Audio:
			return unsupported(param, "the model cannot hear")
		case !f.Has(beginAudio) || !f.Has(audioToken):
			return unsupported(param, "the model's vocabulary has no tokens for audio")
		case !strings.HasPrefix(c.AudioURL, "data:"):
			return invalid(param, "audio must be a data: URL")
		}
		return nil
	case engine.ThinkingChunk:
		switch {
		case role != engine.Assistant && role != engine.System:
			return invalid(param, "a message from %s cannot have thinking in it", role)
		case role == engine.Assistant && !f.thinking, role == engine.System && !f.systemThinks:
			return unsupported(param, "the model reads no thinking in messages from %s", role)
		}
		return nil
	}
	return unsupported(param, "models read no chunks of type %q here", c.Type)
}

func (f *format) checkAssistant(i int, m engine.Message, last bool) error {
	if has := !empty(m.Content); !f.textAndCalls && has == (len(m.ToolCalls) > 0) {
		if has {
			return f.unsupported(at(i, "tool_calls"), "cannot have text and tool calls in one message")
		}
		return invalid(at(i, "content"), "message %d, from the assistant, is empty", i+1)
	}
	if len(m.ToolCalls) > 0 && f.calls == noCalls {
		return f.unsupported(at(i, "tool_calls"), "have no tools")
	}
	for k, c := range m.ToolCalls {
		param := at(i, fmt.Sprintf("tool_calls[%d]", k))
		if c.Type != "" && c.Type != "function" {
			return invalid(param+".type", "a tool call is of type %q and not a function", c.Type)
		}
		if err := f.checkID(param+".id", c.ID); err != nil {
			return err
		}
		if err := checkName(param+".function.name", c.Function.Name); err != nil {
			return err
		}
	}
	if m.Prefix && !last {
		return invalid(at(i, "prefix"), "message %d has prefix and is not the last message", i+1)
	}
	return nil
}

func (f *format) checkResult(i int, m engine.Message) error {
	if f.results == noResults {
		return f.unsupported(at(i, "role"), "have no tools")
	}
	if m.Name != "" {
		if err := checkName(at(i, "name"), m.Name); err != nil {
			return err
		}
	}
	return f.checkID(at(i, "tool_call_id"), m.ToolCallID)
}

// noID is the reference's name for a missing id.
const noID = "null"

func (f *format) checkID(param, id string) error {
	switch {
	case f.nineIDs && (len(id) != 9 || strings.Trim(id, lettersAndDigits) != ""):
		return invalid(param, "the tool call id %q is not nine letters and digits", id)
	case f.sorted && (id == "" || id == noID):
		return invalid(param, "a tool call has no id")
	}
	return nil
}

const lettersAndDigits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func checkName(param, name string) error {
	if len(name) < 1 || len(name) > 64 || strings.Trim(name, lettersAndDigits+"_-") != "" {
		return invalid(param, "the function name %q is not 1 to 64 letters, digits, underscores and hyphens", name)
	}
	return nil
}

func (f *format) checkTools(r *engine.ChatRequest) error {
	for i, t := range r.Tools {
		param := fmt.Sprintf("tools[%d]", i)
		if t.Type != "" && t.Type != "function" {
			return invalid(param+".type", "a tool is of type %q and not a function", t.Type)
		}
		if err := checkName(param+".function.name", t.Function.Name); err != nil {
			return err
		}
		schema, err := parameters(t)
		if err == nil {
			err = engine.CheckSchema(json.RawMessage(dumpJSON(schema)))
		}
		if err != nil {
			return invalid(param+".function.parameters", "the parameters of %s are not a JSON schema: %v", t.Function.Name, err)
		}
	}
	return nil
}
