package enginetest

import (
	"context"

	"github.com/bise-sh/bise/engine"
)

// A Reply is how a script answers one choice of a request. The choices of a request take
// turns, a step each. A nil Reply is words in a random order; an empty one that is not nil
// has no text.
type Reply []Step

// A Step is one of [Text], [Thinking], [Call], [Emit], [Wait], [Do], [Fail],
// [End] and [Took].
type Step interface{ step() }

// Text is a piece of the answer, one token. It may end within a rune: the script
// holds the half back, and replaces what never becomes a rune by U+FFFD.
type Text string

// Thinking is a piece of thinking, one token.
type Thinking string

// A Call is a complete tool call, one token. An empty ID gets a generated one, and empty
// Arguments become {}.
type Call struct {
	ID, Name, Arguments string
}

// Emit sends an event as it is, such as a Progress before the first Text.
type Emit struct{ engine.Event }

// Wait waits until the channel gives a value or is closed, or the context ends;
// with a nil channel, until the context ends.
type Wait <-chan struct{}

// Do calls a function, so that a test can see that the script has reached this step.
type Do func(context.Context)

// Fail ends the whole answer with an error.
type Fail struct{ Err error }

// End ends the choice with a reason. Without it the reason is tool_calls after a
// Call and otherwise stop.
type End engine.FinishReason

// Took replaces the timings that are measured, for tests that print them.
type Took engine.Timings

// token is a token of a random text.
type token engine.Logprob

func (Text) step()     {}
func (Thinking) step() {}
func (Call) step()     {}
func (Emit) step()     {}
func (Wait) step()     {}
func (Do) step()       {}
func (Fail) step()     {}
func (End) step()      {}
func (Took) step()     {}
func (token) step()    {}
