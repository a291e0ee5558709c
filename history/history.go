// Package history keeps conversations in a SQLite database.
//
// A [Store] is one open database. Any number of goroutines may use it, and any number of
// processes the same file: writers wait for each other, readers do not wait. What a
// method has written survives the end of the process, however it ends; an answer is
// written while it comes, so that at most the piece on its way is lost.
//
// A conversation is a tree of messages. Asking again with other words is another child of
// the same parent, and so is another answer to the same words; the conversation remembers
// which of its leaves the user was at.
package history

import (
	"errors"
	"slices"
	"time"

	"github.com/bise-sh/bise/engine"
)

// ErrNotFound reports a conversation or a message that the store does not have.
var ErrNotFound = errors.New("it is not in the history")

// A Conversation is what a list shows of one.
type Conversation struct {
	ID      int64
	Title   string // the first words of the first message, unless it was renamed
	Renamed bool   // the user chose the title
	Mode    string // chat, review, …: names of the interface's modes
	Model   string // the REF that was used last
	Created time.Time
	Updated time.Time // when something was last said, or the draft written
	Draft   string    // the text in the composer, not sent yet
	Leaf    int64     // the message the user was at; 0 while there are no messages
}

// A Message is one message of a conversation.
type Message struct {
	ID           int64
	Conversation int64
	Parent       int64 // the message it follows; 0 for a first one
	engine.Message
	// Attached says which chunks of the content were attached: a file's text, a
	// picture. What is attached is kept once, however often it is sent.
	Attached []Attachment
	Created  time.Time
	State    State
	Measured Measured // of an answer

	// Versions are the messages with the same parent and role, oldest first, this
	// one among them. Only messages that were read have them.
	Versions []int64
}

// An Attachment names an attached chunk of a message.
type Attachment struct {
	Chunk int    `json:"chunk"` // its place in the content
	Name  string `json:"name"`  // of the file; empty for what was piped in
}

// Measured is what an answer took and how it ended.
type Measured struct {
	Model   string              `json:"model,omitempty"` // who answered
	Finish  engine.FinishReason `json:"finish_reason,omitempty"`
	Usage   engine.Usage        `json:"usage,omitzero"`
	Timings engine.Timings      `json:"timings,omitzero"`
	LeftOut engine.LeftOut      `json:"left_out,omitzero"` // what the model did not see
}

// State is whether a message is whole.
type State int

const (
	// Complete messages are as they were sent, or as the model ended them.
	Complete State = iota
	// Streaming messages are being written, by this process or another, or were
	// when that process was killed.
	Streaming
	// Stopped messages ended before the model's end.
	Stopped
)

func (s State) String() string {
	switch s {
	case Streaming:
		return "streaming"
	case Stopped:
		return "stopped"
	}
	return "complete"
}

// Messages are those of a path as a request for the next one takes them: without
// answers of which nothing has come, and with thinking that broke off closed.
func Messages(path []Message) []engine.Message {
	var list []engine.Message
	for _, m := range path {
		if m.isEmpty() {
			continue
		}
		content := slices.Clone(m.Content)
		for i := range content {
			content[i].Open = false
		}
		m.Message.Content = content
		list = append(list, m.Message)
	}
	return list
}

// isEmpty reports whether an answer ended before its first word.
func (m *Message) isEmpty() bool {
	return m.Role == engine.Assistant && len(m.ToolCalls) == 0 && !slices.ContainsFunc(m.Content, func(k engine.Chunk) bool {
		return k.Type != engine.ThinkingChunk && (k.Type != engine.TextChunk || k.Text != "")
	})
}

// A Range is a piece of a text, in bytes: text[Start:End].
type Range struct{ Start, End int }
