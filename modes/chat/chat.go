// Package chat is the mode for questions of every kind: it makes requests of
// what a person asks and attaches.
package chat

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// A Question is what a person asks at once.
type Question struct {
	System string // the system prompt; may be empty
	Prompt string
	Files  []File
	Images []string // data: URLs
}

// A File is text that the question is about.
type File struct {
	Name string // as the model is to call it; empty for what was piped in
	Text string
}

// Request asks for the answer. Files and images come before the question: the
// model has read them when it learns what to look for, and a second question
// about them finds them evaluated already. A conversation that outgrows the
// context loses its oldest turns, which the answer's events tell.
func (q Question) Request() engine.ChatRequest {
	r := engine.ChatRequest{Overflow: engine.OverflowDropOldest}
	if q.System != "" {
		r.Messages = append(r.Messages, engine.Message{Role: engine.System, Content: engine.Text(q.System)})
	}
	r.Messages = append(r.Messages, engine.Message{Role: engine.User, Content: q.Content()})
	return r
}

// Content is what is asked for the model: a chunk for each image, one for each
// file, and the prompt.
func (q Question) Content() engine.Content {
	var content engine.Content
	for _, url := range q.Images {
		content = append(content, engine.Chunk{Type: engine.ImageChunk, ImageURL: url})
	}
	if q.Prompt == "" && len(q.Files) == 1 && q.Files[0].Name == "" {
		return append(content, engine.Text(q.Files[0].Text)...) // piped in, with nothing said about it: it is the question
	}
	for _, f := range q.Files {
		content = append(content, engine.Text(f.Fenced())...)
	}
	if q.Prompt != "" || len(content) == 0 {
		content = append(content, engine.Text(q.Prompt)...)
	}
	return content
}

// Fenced is the file as the model reads it: its name and a Markdown code block,
// whose fence is longer than any that the file has.
func (f File) Fenced() string {
	fence := "```"
	for strings.Contains(f.Text, fence) {
		fence += "`"
	}
	text := f.Text
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	block := fence + strings.TrimPrefix(filepath.Ext(f.Name), ".") + "\n" + text + fence
	if f.Name != "" {
		return fmt.Sprintf("%s:\n%s", f.Name, block)
	}
	return block
}
