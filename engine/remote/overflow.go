package remote

import (
	"context"
	"iter"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// answerRoom is how many tokens stay free for the answer when turns are left out.
const answerRoom = 512

// dropping asks again without the oldest turns while a server refuses the request as too long.
// Servers other than bise know no [engine.OverflowDropOldest].
func (e *Engine) dropping(ctx context.Context, req engine.ChatRequest, chat func(engine.ChatRequest) iter.Seq2[engine.Event, error]) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		var left engine.LeftOut
		for again := true; again; {
			again = false
			begun := left.Messages == 0
			for event, err := range chat(req) {
				if fault.KindOf(err) == fault.TooLong && e.dropsNothing(ctx) {
					full := engine.OverflowOf(err)
					if shorter, n := withoutOldest(req, full); n > 0 {
						req, again = shorter, true
						left.Messages, left.Context = left.Messages+n, full.Limit
						break
					}
				}
				if err == nil && !begun && comesAfter(event) {
					begun = true
					if !yield(left, nil) {
						return
					}
				}
				if !yield(event, err) {
					return
				}
			}
		}
	}
}

// comesAfter reports whether an event comes after a LeftOut event.
func comesAfter(event engine.Event) bool {
	switch event.(type) {
	case engine.Loading, engine.Progress:
		return false
	}
	return true
}

// dropsNothing reports whether the server leaves out no turns itself.
func (e *Engine) dropsNothing(ctx context.Context) bool {
	d, err := e.dialect(ctx)
	return err == nil && d != Bise
}

// withoutOldest returns a request without its oldest turns, and the number of their messages. It
// drops at least one turn, and until the rest probably fits, but never the last turn. System
// messages stay.
func withoutOldest(req engine.ChatRequest, full engine.ContextOverflow) (engine.ChatRequest, int) {
	last := len(req.Messages) - 1
	for last >= 0 && req.Messages[last].Role != engine.User {
		last--
	}
	all := 0
	for _, m := range req.Messages {
		all += weight(m)
	}
	surplus := all / 2 // where the server gives no numbers
	if full.Tokens > 0 && full.Limit > 0 {
		room := min(answerRoom, full.Limit/8)
		surplus = int(float64(all) * float64(max(0, full.Tokens-full.Limit+room)) / float64(full.Tokens))
	}
	dropped, gone := map[int]bool{}, 0
	for i, m := range req.Messages[:max(0, last)] {
		if m.Role == engine.System {
			continue
		}
		if m.Role == engine.User && len(dropped) > 0 && gone >= surplus {
			break
		}
		dropped[i] = true
		gone += weight(m)
	}
	var rest []engine.Message
	for i, m := range req.Messages {
		if !dropped[i] {
			rest = append(rest, m)
		}
	}
	req.Messages = slices.Clip(rest)
	return req, len(dropped)
}

// weight is roughly proportional to the tokens of a message.
func weight(m engine.Message) int {
	const image = 4000 // bytes of text that cost as many tokens
	n := 20
	for _, k := range m.Content {
		n += len(k.Text)
		if k.Type == engine.ImageChunk {
			n += image
		}
		if k.Type == engine.AudioChunk {
			n += len(k.AudioURL) / 400
		}
	}
	for _, c := range m.ToolCalls {
		n += len(c.Function.Arguments)
	}
	return n
}
