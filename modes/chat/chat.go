// Package chat is the mode for questions of every kind: it makes requests of what a
// user asks and attaches.
package chat

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
)

// A Question is a message of the user's.
type Question struct {
	Prompt   string
	Attached []attach.Attachment
}

// Images returns the attached images.
func (q Question) Images() []attach.Image {
	var list []attach.Image
	for _, a := range q.Attached {
		if a.Image != nil {
			list = append(list, *a.Image)
		}
	}
	return list
}

// HasAudio reports whether audio is attached.
func (q Question) HasAudio() bool {
	return slices.ContainsFunc(q.Attached, func(a attach.Attachment) bool { return a.Audio != nil })
}

// HasText reports whether a text is attached.
func (q Question) HasText() bool { return slices.ContainsFunc(q.Attached, attach.Attachment.IsText) }

// Message returns the question as a message.
func (q Question) Message() engine.Message {
	content, _ := q.Content()
	return engine.Message{Role: engine.User, Content: content}
}

// Request asks for the next message of a conversation. If the conversation does not
// fit in the context, its oldest turns are left out, which the answer's events report.
// Messages without content are skipped. The system prompt may be empty.
func Request(system string, messages ...engine.Message) engine.ChatRequest {
	r := engine.ChatRequest{Overflow: engine.OverflowDropOldest}
	if system != "" {
		r.Messages = append(r.Messages, engine.Message{Role: engine.System, Content: engine.Text(system)})
	}
	for _, m := range messages {
		if len(m.Content) > 0 || len(m.ToolCalls) > 0 {
			r.Messages = append(r.Messages, m)
		}
	}
	return r
}

// Named is the name of an attached chunk.
type Named struct {
	Chunk int // its index in the content
	Name  string
}

// Content returns the message for the model, and which of its chunks are attached.
// Images, audio and files come before the prompt: the model has read them when it learns
// what to look for, and a second question about them finds them evaluated. An unnamed
// text without a prompt is the question itself.
func (q Question) Content() (content engine.Content, attached []Named) {
	prompt := strings.TrimSpace(q.Prompt)
	if a := q.Attached; prompt == "" && len(a) == 1 && a[0].IsText() && a[0].Name == "" {
		return engine.Text(a[0].Text), nil
	}
	add := func(name string, c engine.Chunk) {
		attached = append(attached, Named{len(content), name})
		content = append(content, c)
	}
	for _, a := range q.Attached {
		switch {
		case a.Image != nil:
			add(a.Name, engine.Chunk{Type: engine.ImageChunk, ImageURL: a.Image.URL})
		case a.Audio != nil:
			add(a.Name, engine.Chunk{Type: engine.AudioChunk, AudioURL: a.Audio.URL})
		}
	}
	for _, a := range q.Attached {
		if a.IsText() {
			add(a.Name, engine.Chunk{Type: engine.TextChunk, Text: Fence(a.Name, a.Text)})
		}
	}
	if prompt != "" || len(content) == 0 {
		content = append(content, engine.Text(prompt)...)
	}
	return content, attached
}

// Fence returns a file as a model reads it: its name, unless that is empty, and a
// Markdown code block. The fence is longer than any in the text.
func Fence(name, text string) string {
	block := CodeBlock(strings.TrimPrefix(filepath.Ext(name), "."), text)
	if name != "" {
		return fmt.Sprintf("%s:\n%s", name, block)
	}
	return block
}

// Unfence returns the text of a block that Fence made.
func Unfence(block string) string {
	at := strings.Index(block, "```")
	if at < 0 {
		return block
	}
	open, body, ok := strings.Cut(block[at:], "\n")
	if !ok {
		return block
	}
	fence := open[:len(open)-len(strings.TrimLeft(open, "`"))]
	return strings.TrimSuffix(body, fence)
}
