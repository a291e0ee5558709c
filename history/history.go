// Package history keeps conversations in a SQLite database.
//
// A [Store] is one open database. Any number of goroutines may use it, and any number of
// processes the same file: writers wait for each other, readers do not wait. What a
// method has written survives a crash of the process. An answer is written while it
// streams, so that a crash loses at most the last piece.
//
// A conversation is a tree of messages. An edited question is another child of the same
// parent, and so is another answer to the same question. The conversation remembers the
// leaf that the user sees.
package history

import (
	"errors"
	"slices"
	"time"

	"github.com/bise-sh/bise/engine"
)

// ErrNotFound reports a conversation or a message that the store does not have.
var ErrNotFound = errors.New("it is not in the history")

// A Conversation is a conversation without its messages.
type Conversation struct {
	ID      int64
	Title   string // the first words of the first message, unless renamed
	Renamed bool   // the user chose the title
	Mode    string // a mode of the interface: chat, review, …
	Model   string // the REF that was used last
	Created time.Time
	Updated time.Time // of the last message or draft
	Draft   string    // the unsent text in the composer
	Leaf    int64     // the last message on the user's path; 0 without messages

	System     string            // the system prompt; may be empty
	Parameters engine.Parameters // what the user set for the answers
}

// A Message is one message of a conversation.
type Message struct {
	ID           int64
	Conversation int64
	Parent       int64 // the message it follows; 0 for a first one
	engine.Message
	// Attached lists the chunks of the content that were attached: the text of a file, an
	// image. An attachment is stored once, even if it is sent several times.
	Attached []Attachment
	Created  time.Time
	State    State
	Measured Measured // of an answer

	// Versions are the messages with the same parent and role, oldest first, including
	// this one. Reading sets them.
	Versions []int64
}

// An Attachment names an attached chunk of a message.
type Attachment struct {
	Chunk int    `json:"chunk"` // its index in the content
	Name  string `json:"name"`  // of the file; empty for standard input
}

// Measured is how an answer ended, and what it took.
type Measured struct {
	Model   string              `json:"model,omitempty"` // that answered
	Finish  engine.FinishReason `json:"finish_reason,omitempty"`
	Usage   engine.Usage        `json:"usage,omitzero"`
	Timings engine.Timings      `json:"timings,omitzero"`
	LeftOut engine.LeftOut      `json:"left_out,omitzero"` // what the model did not see
	Error   string              `json:"error,omitempty"`   // why it failed
}

// State is whether a message is complete.
type State int

const (
	// Complete messages were sent, or ended by the model.
	Complete State = iota
	// Streaming messages are being written, by any process, or were when it was killed.
	Streaming
	// Stopped messages ended before the model ended them.
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

// Messages returns a path as the messages of a request: without empty answers, without the
// questions that [Unanswered] reports, and with unfinished thinking closed. The system prompt
// belongs to the conversation and is not among them.
func Messages(path []Message) []engine.Message {
	var list []engine.Message
	unanswered := Unanswered(path)
	for i, m := range path {
		if unanswered[i] || m.isEmpty() || m.Role == engine.System {
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

// Unanswered reports for each message of a path whether it belongs to a question that got no
// answer because something failed. Such a question is left out of later requests: it might
// make them fail too. The last question is about to be answered, unless its answer failed.
func Unanswered(path []Message) []bool {
	list := make([]bool, len(path))
	question := -1
	drop := func(end int) {
		for i := max(question, 0); question >= 0 && i < end; i++ {
			list[i] = true
		}
		question = -1
	}
	for i := range path {
		switch m := &path[i]; {
		case m.Role == engine.User:
			drop(i) // nothing answered the one before
			question = i
		case m.Role == engine.Assistant && m.isEmpty() && m.Measured.Error != "":
			drop(i + 1)
		case m.Role == engine.Assistant && len(m.ToolCalls) == 0:
			question = -1
		}
	}
	return list
}

// isEmpty reports whether an answer ended before its first word.
func (m *Message) isEmpty() bool {
	return m.Role == engine.Assistant && len(m.ToolCalls) == 0 && !slices.ContainsFunc(m.Content, func(k engine.Chunk) bool {
		return k.Type != engine.ThinkingChunk && (k.Type != engine.TextChunk || k.Text != "")
	})
}

// A Range is text[Start:End], in bytes.
type Range struct{ Start, End int }
