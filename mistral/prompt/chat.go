package prompt

import (
	"errors"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// Chat lays out a conversation.
func (f *format) Chat(r *engine.ChatRequest) (Prompt, error) {
	if err := f.check(r); err != nil {
		return Prompt{}, err
	}
	var settings string
	if f.settings {
		var err error
		if settings, err = f.Settings.of(r); err != nil {
			return Prompt{}, err
		}
	}
	if r.Transcription != nil {
		return f.transcription(r), nil
	}
	turns, system := f.turns(r.Messages)
	w := writer{format: f, tools: r.Tools, setting: settings, system: system, firstUser: -1, lastUser: -1}
	for i, t := range turns {
		if t.role == engine.User {
			if w.firstUser < 0 {
				w.firstUser = i
			}
			w.lastUser = i
		}
	}
	w.control(bos)
	for i := range turns {
		t := &turns[i]
		var err error
		switch t.role {
		case engine.User:
			w.user(i, t)
		case engine.System:
			w.control("[SYSTEM_PROMPT]")
			w.chunks(t.content)
			w.control("[/SYSTEM_PROMPT]")
		case engine.Assistant:
			err = w.assistant(i, t)
		case engine.ToolRole:
			err = w.result(i, t)
		}
		if err != nil {
			return Prompt{}, err
		}
	}
	w.Thinking = begins(r) != opening
	return w.Prompt, nil
}

// writer writes one prompt.
type writer struct {
	*format
	Prompt
	tools               []engine.Tool
	setting             string // JSON of the model's settings
	system              string // prompt to be written into a user message
	firstUser, lastUser int    // turns
	called              bool   // the turn of the assistant before has calls
	answered            int    // results since then
}

func (w *writer) control(name string) { w.Segments = append(w.Segments, Segment{Control: name}) }

// span writes text that is tokenized on its own.
func (w *writer) span(s string) {
	if s != "" {
		w.Segments = append(w.Segments, Segment{Text: s})
	}
}

func (w *writer) chunks(content engine.Content) {
	for _, c := range content {
		switch c.Type {
		case engine.TextChunk:
			w.span(c.Text)
		case engine.ImageChunk:
			w.Images = append(w.Images, c.ImageURL)
			w.Segments = append(w.Segments, Segment{Image: len(w.Images)})
		case engine.AudioChunk:
			w.audio(c)
		case engine.ThinkingChunk:
			w.control(beginThink)
			w.span(c.Text)
			if !c.Open {
				w.control(endThink)
			}
		}
	}
}

func (w *writer) audio(c engine.Chunk) {
	w.Audio = append(w.Audio, c.AudioURL)
	w.control(beginAudio)
	w.Segments = append(w.Segments, Segment{Audio: len(w.Audio)})
}

// transcription lays out a request for the words in the audio of a message.
func (f *format) transcription(r *engine.ChatRequest) Prompt {
	w := writer{format: f}
	w.control(bos)
	w.control("[INST]")
	w.audio(r.Messages[0].Content[0])
	w.control("[/INST]")
	if l := r.Transcription.Language; l != "" {
		w.span("lang:" + l)
	}
	w.control(transcribe)
	return w.Prompt
}

func (w *writer) user(i int, t *turn) {
	w.called, w.answered = false, 0
	system := ""
	if w.system != "" && (w.systemFirst && i == w.firstUser || !w.systemFirst && i == w.lastUser) {
		system = w.system + between
	}
	if !w.markers {
		w.span("[INST] " + system + t.text() + " [/INST]")
		return
	}
	if w.toolsFirst && i == w.firstUser || !w.toolsFirst && i == w.lastUser {
		w.toolList()
		if w.setting != "" {
			w.control("[MODEL_SETTINGS]")
			w.span(w.setting)
			w.control("[/MODEL_SETTINGS]")
		}
	}
	w.control("[INST]")
	if t.plain() {
		w.span(system + t.text())
	} else {
		w.span(system)
		w.chunks(imageFirst(t.content))
	}
	w.control("[/INST]")
}

// imageFirst moves an image in front of the text that it follows, when there
// is nothing else.
func imageFirst(c engine.Content) engine.Content {
	if len(c) == 2 && c[0].Type == engine.TextChunk && c[1].Type == engine.ImageChunk {
		return engine.Content{c[1], c[0]}
	}
	return c
}

func (w *writer) toolList() {
	if len(w.tools) == 0 {
		return
	}
	tools := list{}
	for _, t := range w.tools {
		schema, err := parameters(t)
		if err != nil {
			panic("prompt: parameters that were not checked: " + err.Error())
		}
		tools = append(tools, newObject(
			"type", text("function"),
			"function", newObject("name", text(t.Function.Name), "description", text(t.Function.Description), "parameters", schema),
		))
	}
	w.control("[AVAILABLE_TOOLS]")
	w.span(dumpJSON(tools))
	w.control("[/AVAILABLE_TOOLS]")
}

// parameters are a function's, {} when none are given.
func parameters(t engine.Tool) (value, error) {
	if s := strings.TrimSpace(string(t.Function.Parameters)); s == "" || s == "null" {
		return newObject(), nil
	}
	v, err := parseJSON(string(t.Function.Parameters))
	if err != nil {
		return nil, err
	}
	if _, ok := v.(*object); !ok {
		return nil, errors.New("it is not a JSON object")
	}
	return v, nil
}

func (w *writer) assistant(i int, t *turn) error {
	w.called, w.answered = len(t.calls) > 0, 0
	switch {
	case len(t.content) == 0 && len(t.calls) == 0:
		return invalid("messages", "a message from the assistant is empty")
	case len(t.content) > 0 && len(t.calls) > 0 && !w.textAndCalls:
		return w.unsupported("messages", "cannot have text and tool calls in one turn")
	case len(t.calls) > 0 && w.recent && i < w.lastUser:
		return nil
	}
	switch {
	case t.plain() && w.trim:
		w.span(strings.TrimRight(t.text(), " "))
	default:
		w.chunks(t.content)
	}
	if len(t.calls) > 0 {
		if err := w.toolCalls(t.calls); err != nil {
			return err
		}
	}
	if !t.prefix {
		w.control(eos)
	}
	return nil
}

func (w *writer) toolCalls(calls []engine.ToolCall) error {
	listed := list{}
	for _, c := range calls {
		args, err := embedded(string(c.Function.Arguments))
		if err != nil {
			return invalid("messages", "the arguments of a call of %s: %v", c.Function.Name, err)
		}
		switch w.calls {
		case plainCalls:
			listed = append(listed, newObject("name", text(c.Function.Name), "arguments", args))
		case listedCalls:
			listed = append(listed, newObject("name", text(c.Function.Name), "arguments", args, "id", text(c.ID)))
		case namedCalls, briefCalls:
			w.control(beginCall)
			w.span(c.Function.Name)
			if w.calls == namedCalls {
				w.control(callID)
				w.span(c.ID)
			}
			w.control(arguments)
			w.span(dumpJSON(args))
		}
	}
	if len(listed) > 0 {
		w.control(beginCall)
		w.span(dumpJSON(listed))
	}
	return nil
}

// embedded is what a string is inside JSON: the value it has as JSON, {} when
// it is empty, else the string.
func embedded(s string) (value, error) {
	if s == "" {
		return newObject(), nil
	}
	v, err := parseJSON(s)
	if err == errDeep {
		return nil, err
	}
	if err != nil {
		return text(s), nil
	}
	return v, nil
}

func (w *writer) result(i int, t *turn) error {
	if w.recent {
		if i < w.lastUser {
			return nil
		}
		if w.answered++; w.called && w.answered > 1 {
			return w.unsupported("messages", "take only one tool result after a message")
		}
	}
	switch w.results {
	case listedResults, jsonResults:
		content, err := embedded(t.text())
		if err != nil {
			return invalid("messages", "a tool's result: %v", err)
		}
		w.control("[TOOL_RESULTS]")
		if w.results == jsonResults {
			w.span(dumpJSON(newObject("content", content, "call_id", text(t.callID))))
		} else {
			var name value = constant("null")
			if t.name != "" {
				name = text(t.name)
			}
			w.span(dumpJSON(list{newObject("name", name, "content", content)}))
		}
	case namedResults:
		w.control("[TOOL_RESULTS]")
		w.span(t.callID)
		w.control("[TOOL_CONTENT]")
		w.span(t.text())
	case briefResults:
		w.control("[TOOL_RESULTS]")
		w.chunks(t.content)
	}
	w.control("[/TOOL_RESULTS]")
	return nil
}

// Fill lays out an infill prompt: suffix, then prefix. The version's [MIDDLE] token is
// never used.
func (f *format) Fill(prefix, suffix string) (Prompt, error) {
	if f.prefix == "" {
		return Prompt{}, f.unsupported("suffix", "cannot fill in between two texts")
	}
	w := writer{format: f}
	w.control(bos)
	w.control(f.suffix)
	if suffix != "" {
		w.Segments = append(w.Segments, Segment{Text: suffix, Bare: true})
	}
	w.control(f.prefix)
	w.span(prefix)
	return w.Prompt, nil
}
