package api

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

func (v value) messages() []engine.Message {
	values := v.list()
	if v.is('[') && len(values) == 0 {
		v.violate("too_short", "List should have at least 1 item after validation, not 0", map[string]any{"min_length": 1})
	}
	messages := make([]engine.Message, 0, len(values))
	for _, e := range values {
		if m, ok := e.message(); ok {
			messages = append(messages, m)
		}
	}
	if len(messages) == len(values) && len(messages) > 0 {
		v.r.checkOrder(messages)
	}
	return messages
}

func (v value) message() (engine.Message, bool) {
	o, ok := v.object()
	if !ok {
		return engine.Message{}, false
	}
	role, ok := o.role()
	if !ok {
		return engine.Message{}, false
	}
	m := engine.Message{Role: role}
	o.loc = append(o.loc[:len(o.loc):len(o.loc)], string(role)) // as pydantic names a member of a union
	switch c, given := o.get("content"); {
	case given:
		m.Content = c.content(role)
	case role == engine.System:
		o.need("content")
	}
	switch role {
	case engine.Assistant:
		m.ToolCalls = optional(o, "tool_calls", value.toolCalls)
		m.Prefix = o.boolean("prefix")
	case engine.ToolRole:
		m.Name = o.string("name")
		m.ToolCallID = o.callID("tool_call_id")
	}
	o.done()
	return m, true
}

// role reads the role of a message. OpenAI's developer is the system.
func (o *object) role() (engine.Role, bool) {
	v, ok := o.need("role")
	if !ok {
		return "", false
	}
	if v.is('"') {
		switch role := engine.Role(unquote(v.raw)); role {
		case engine.System, engine.User, engine.Assistant, engine.ToolRole:
			return role, true
		case "developer":
			if !o.r.strict {
				return engine.System, true
			}
		}
	}
	const tags = "'system', 'user', 'assistant', 'tool'"
	o.violate("union_tag_invalid",
		fmt.Sprintf("Input tag found using 'role' does not match any of the expected tags: %s", tags),
		map[string]any{"discriminator": "'role'", "expected_tags": tags})
	return "", false
}

// content reads a string or a list of chunks.
func (v value) content(role engine.Role) engine.Content {
	if v.is('"') {
		return engine.Text(unquote(v.raw))
	}
	if !v.is('[') {
		v.violate("string_type", "Input should be a valid string", nil)
		return nil
	}
	var content engine.Content
	for _, e := range v.list() {
		if k, ok := e.chunk(role); ok {
			content = append(content, k)
		}
	}
	return content
}

// chunk reads one chunk; it reports false for those without effect.
func (v value) chunk(role engine.Role) (engine.Chunk, bool) {
	o, ok := v.object()
	if !ok {
		return engine.Chunk{}, false
	}
	typ := o.needString("type")
	switch engine.ChunkType(typ) {
	case engine.TextChunk:
		k := engine.Chunk{Type: engine.TextChunk, Text: o.needString("text")}
		o.done()
		return k, true
	case engine.ImageChunk:
		if role == engine.System {
			break
		}
		if u, ok := o.need("image_url"); ok {
			o.done()
			return engine.Chunk{Type: engine.ImageChunk, ImageURL: u.imageURL()}, true
		}
		return engine.Chunk{}, false
	case engine.ThinkingChunk:
		k := engine.Chunk{Type: engine.ThinkingChunk, Text: required(o, "thinking", value.thinking)}
		if closed, ok := o.get("closed"); ok {
			k.Open = !closed.boolean()
		}
		o.ignore("signature")
		o.done()
		return k, true
	case "reference", "tool_reference":
		return engine.Chunk{}, false
	case "document_url", "file":
		return o.document(typ)
	case engine.AudioChunk:
		if role != engine.User {
			break
		}
		if a, ok := o.need("input_audio"); ok {
			o.done()
			return engine.Chunk{Type: engine.AudioChunk, AudioURL: a.audioURL()}, true
		}
		return engine.Chunk{}, false
	}
	const tags = "'text', 'image_url', 'input_audio', 'thinking', 'reference'"
	v.violate("union_tag_invalid",
		fmt.Sprintf("Input tag found using 'type' does not match any of the expected tags: %s", tags),
		map[string]any{"discriminator": "'type'", "expected_tags": tags})
	return engine.Chunk{}, false
}

// document reads a text document: Mistral's, whose URL has to be the document itself, or
// OpenAI's file.
func (o *object) document(typ string) (engine.Chunk, bool) {
	name, data := "", ""
	switch file, ok := o.get("file"); {
	case typ == "document_url":
		name, data = o.string("document_name"), o.needString("document_url")
	case ok:
		if f, ok := file.object(); ok {
			if name, data = f.string("filename"), f.string("file_data"); data == "" {
				f.noFileID()
			}
			f.done()
		}
	default:
		o.noFileID()
	}
	o.done()
	if data == "" {
		return engine.Chunk{}, false
	}
	text, err := TextDocument("messages", name, data)
	if e, ok := errors.AsType[*fault.Error](err); ok {
		o.r.reject(&refusal{err: e, class: wire.ClassOf(e.Kind)})
	}
	return engine.Chunk{Type: engine.TextChunk, Text: text}, err == nil
}

// noFileID rejects a file that is not in the request.
func (o *object) noFileID() {
	o.ignore("file_id")
	o.r.reject(newRefusal("messages", "files are not read by their ID").advise("Send the file itself, as a data: URL"))
}

// imageURL reads an image's address, which has to be the image itself: a
// prompt must not make a server fetch things.
func (v value) imageURL() string {
	url := v
	if v.is('{') {
		o, _ := v.object()
		o.ignore("detail")
		inner, ok := o.need("url")
		o.done()
		if !ok {
			return ""
		}
		url = inner
	}
	s := url.string()
	if url.is('"') && !strings.HasPrefix(s, "data:") {
		v.r.reject(newRefusal("messages", "image_url must be a data: URL: images are not fetched").
			advise("Send the image itself: data:image/png;base64,…"))
	}
	return s
}

// audioURL reads audio: base64 or a data: URL, as of La Plateforme, or OpenAI's object of data
// and format.
func (v value) audioURL() string {
	audio := v
	media := "application/octet-stream"
	if v.is('{') {
		o, _ := v.object()
		inner, ok := o.need("data")
		if f, given := o.get("format"); given {
			media = map[string]string{"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac"}[f.oneOf("wav", "mp3", "flac")]
		}
		o.done()
		if !ok {
			return ""
		}
		audio = inner
	}
	s := audio.string()
	switch {
	case strings.HasPrefix(s, "http://"), strings.HasPrefix(s, "https://"):
		v.r.reject(newRefusal("messages", "input_audio must be the audio itself: it is not fetched").
			advise("Send the file in base64"))
	case !strings.HasPrefix(s, "data:"):
		return "data:" + media + ";base64," + s
	}
	return s
}

// thinking reads a string, or the texts of a list of chunks.
func (v value) thinking() string {
	if v.is('"') {
		return unquote(v.raw)
	}
	var text strings.Builder
	for _, e := range v.list() {
		o, ok := e.object()
		if !ok {
			continue
		}
		if o.needString("type") == "text" {
			text.WriteString(o.needString("text"))
		}
	}
	return text.String()
}

func (v value) toolCalls() []engine.ToolCall {
	var calls []engine.ToolCall
	for i, e := range v.list() {
		o, ok := e.object()
		if !ok {
			continue
		}
		call := engine.ToolCall{ID: o.callID("id"), Type: "function", Index: i}
		o.ignore("type", "index")
		f, ok := o.need("function")
		o.done()
		if !ok {
			continue
		}
		fn, ok := f.object()
		if !ok {
			continue
		}
		call.Function.Name = fn.needString("name")
		call.Function.Arguments = required(fn, "arguments", value.arguments)
		fn.done()
		calls = append(calls, call)
	}
	return calls
}

// arguments reads a string, or an object as its own text.
func (v value) arguments() engine.Arguments {
	if v.is('{') {
		return engine.Arguments(v.raw)
	}
	return engine.Arguments(v.string())
}

// callID reads a tool call's id. Ids of other servers are mapped to Mistral's form unless
// strict. A missing id, or the "null" that Mistral's client sends instead, cannot identify
// a call and is rejected.
func (o *object) callID(name string) string {
	id := o.string(name)
	if id == "" || id == "null" || o.r.strict && !wire.IsCallID(id) {
		o.r.reject(newRefusal("messages", "tool call id was %.70s but must be a-z, A-Z, 0-9, with a length of 9", cmp.Or(id, "null")).
			as("invalid_function_call", "3280"))
		return ""
	}
	return wire.CallID(id)
}
