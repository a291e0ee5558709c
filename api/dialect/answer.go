package dialect

import (
	"context"
	"iter"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// Kind is what a block of an answer is.
type Kind int

const (
	Text Kind = iota
	Thinking
	Call
)

// A Block is a part of an answer without a change of kind: text, thinking, or one call.
type Block struct {
	Kind     Kind
	Text     string          // of text and thinking, once the block is closed
	Call     engine.ToolCall // of a call
	Logprobs []engine.Logprob

	text []byte // while it grows
}

// An Answer is what a model said to a request with one choice.
type Answer struct {
	Blocks  []Block
	Finish  engine.Finish
	Usage   engine.Usage
	Timings engine.Timings
}

// Join is the text of all blocks of a kind.
func (a *Answer) Join(kind Kind) string {
	text := ""
	for _, b := range a.Blocks {
		if b.Kind == kind {
			text += b.Text
		}
	}
	return text
}

// A Listener follows an answer while it is written. Block i is opened, grows, and is closed
// before block i+1 is opened; a call does not grow.
type Listener interface {
	// Reading reports how much of the prompt is evaluated. It comes before the first block,
	// any number of times.
	Reading(engine.Progress)
	Open(i int, b *Block)
	Grow(i int, b *Block, text string, logprobs []engine.Logprob)
	Close(i int, b *Block)
	// Gone reports whether the client has left.
	Gone() bool
}

// Collect reads an answer and passes it on to a listener, which may be nil. It returns nil
// and no error if the listener is gone.
func Collect(events iter.Seq2[engine.Event, error], l Listener) (*Answer, error) {
	if l == nil {
		l = deaf{}
	}
	a := &Answer{}
	open, ended := -1, false
	closeBlock := func() {
		if open >= 0 {
			b := &a.Blocks[open]
			b.Text, b.text = string(b.text), nil
			l.Close(open, b)
		}
		open = -1
	}
	begin := func(b Block) {
		closeBlock()
		a.Blocks = append(a.Blocks, b)
		open = len(a.Blocks) - 1
		l.Open(open, &a.Blocks[open])
	}
	grow := func(kind Kind, text string, logprobs []engine.Logprob) {
		if text == "" && (open < 0 || len(logprobs) == 0) {
			return
		}
		if open < 0 || a.Blocks[open].Kind != kind {
			begin(Block{Kind: kind})
		}
		b := &a.Blocks[open]
		b.text = append(b.text, text...)
		b.Logprobs = append(b.Logprobs, logprobs...)
		l.Grow(open, b, text, logprobs)
	}
	for ev, err := range events {
		if err != nil {
			return nil, err
		}
		switch ev := ev.(type) {
		case engine.Progress:
			l.Reading(ev)
		case engine.TextDelta:
			grow(Text, ev.Text, ev.Logprobs)
		case engine.ThinkingDelta:
			grow(Thinking, ev.Text, nil)
		case engine.ToolCallDelta:
			begin(Block{Kind: Call, Call: ev.Call})
			closeBlock()
		case engine.Finish:
			closeBlock()
			a.Finish = ev
		case engine.Done:
			a.Usage, a.Timings, ended = ev.Usage, ev.Timings, true
		}
		if l.Gone() {
			return nil, nil
		}
	}
	if !ended || a.Finish.Reason == "" {
		return nil, fault.Errorf(fault.Internal, "the engine's answer ended early")
	}
	return a, nil
}

// Chat answers a request with one choice.
func Chat(ctx context.Context, e engine.Engine, req engine.ChatRequest, l Listener) (*Answer, error) {
	Adapt(&req, e.Info())
	return Collect(e.Chat(ctx, req), l)
}

// deaf is the listener of an answer that is sent whole.
type deaf struct{}

func (deaf) Reading(engine.Progress)                    {}
func (deaf) Open(int, *Block)                           {}
func (deaf) Grow(int, *Block, string, []engine.Logprob) {}
func (deaf) Close(int, *Block)                          {}
func (deaf) Gone() bool                                 { return false }
