// Package prompt turns requests into what a model reads, and what a model
// writes into events.
//
// A prompt is a list of segments, not a text: control tokens are named and
// placed by id, and text between them is tokenized on its own with no control
// token ever read from it. So nothing that a user, a file, a tool or a web page
// contains can forge [INST] or </s>.
//
// A [Format] is stateless and may be used from any goroutine; a [Reader] belongs
// to one answer.
package prompt

import "github.com/bise-sh/bise/engine"

// A Segment is a control token, a span of text, an image or audio: one of the four.
type Segment struct {
	Control string // the control token's name in the vocabulary, such as "[INST]"
	Text    string // tokenized apart, control tokens in it are plain text
	Bare    bool   // Text gets no dummy space in front, where SentencePiece adds one
	Image   int    // 1 is Prompt.Images[0]
	Audio   int    // 1 is Prompt.Audio[0]
}

// A Prompt is what the model is to read before it writes.
type Prompt struct {
	Segments []Segment
	Images   []string // data: URLs, in the order of the segments
	Audio    []string // data: URLs, in the order of the segments
	// Thinking says that the prompt ends inside a thought, so the answer begins
	// with thinking.
	Thinking bool
}

// A Format is a model family's way to write conversations down.
type Format interface {
	// Version names it: "v1" … "v15", or "template".
	Version() string
	// Capabilities depend on the format: Chat, FIM, Tools, Thinking.
	Capabilities() engine.Capabilities
	// Chat lays out a conversation whose answer comes next. Requests that the
	// format cannot express are errors of kind Invalid or Unsupported.
	Chat(*engine.ChatRequest) (Prompt, error)
	// Fill lays out an infill prompt. An empty suffix is a plain continuation.
	Fill(prefix, suffix string) (Prompt, error)
	// Answer lays out a message of the assistant as the model writes it after the prompt of
	// Chat, with the control token that ends it. Models are trained on it.
	Answer(*engine.ChatRequest, engine.Message) ([]Segment, error)
	// Reader reads an answer to a request laid out by Chat.
	Reader(*engine.ChatRequest) Reader
	// Stops are control tokens that end an answer, in addition to the model's
	// end-of-generation tokens.
	Stops() []string
}

// Efforts returns the reasoning efforts that the models of a format know, the default first. It
// is empty if requests cannot set the effort, or the values are not known.
func Efforts(f Format) []string {
	if f, ok := f.(interface{ Efforts() []string }); ok {
		return f.Efforts()
	}
	return nil
}

// A Reader separates text, thinking and tool calls in a model's output. Its events have
// Choice 0.
type Reader interface {
	// Control reads a control token.
	Control(name string) []engine.Event
	// Text reads whole runes of text.
	Text(s string) []engine.Event
	// End reads the end of the answer: what was held back, calls that were not
	// closed. It reports whether the answer was made of tool calls. If a limit cut the
	// answer, the last call may have only the beginning of its arguments.
	End(cut bool) (events []engine.Event, called bool)
}
