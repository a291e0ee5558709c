package remote

import (
	"cmp"
	"fmt"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

const (
	maxCalls     = 1024    // of one choice
	maxArguments = 8 << 20 // bytes of a call's arguments
)

// toolCall takes a complete call or, from servers like OpenAI's, a fragment of one: first
// id and name, then the arguments in parts. Fragments are joined and emitted when the
// choice ends.
func (a *answer) toolCall(c *choice, piece engine.ToolCall) error {
	a.tick()
	c.called = true
	if a.call.whole {
		return a.emit(engine.ToolCallDelta{Choice: c.index, Call: piece})
	}
	if piece.Function.Arguments == "null" {
		piece.Function.Arguments = ""
	}
	for i := len(c.calls) - 1; i >= 0; i-- {
		if call := c.calls[i]; continues(call, &piece) {
			if len(call.Function.Arguments)+len(piece.Function.Arguments) > maxArguments {
				return fault.Errorf(fault.Internal, "the arguments of a tool call have more than %d bytes", maxArguments)
			}
			call.ID = cmp.Or(call.ID, piece.ID)
			call.Function.Name = cmp.Or(call.Function.Name, piece.Function.Name)
			call.Function.Arguments += piece.Function.Arguments
			return nil
		}
	}
	if len(c.calls) == maxCalls {
		return fault.Errorf(fault.Internal, "the server's answer has more than %d tool calls", maxCalls)
	}
	c.calls = append(c.calls, &piece)
	return nil
}

// continues reports whether a piece belongs to a call. Servers that stream whole
// calls may give all of them the same index.
func continues(call, piece *engine.ToolCall) bool {
	switch {
	case call.Index != piece.Index:
		return false
	case call.ID != "" && piece.ID != "":
		return call.ID == piece.ID
	}
	return piece.Function.Name == "" || call.Function.Arguments == ""
}

// flushCalls emits the calls joined from fragments.
func (a *answer) flushCalls(c *choice) error {
	for i, call := range c.calls {
		if call.ID == "" || call.ID == "null" {
			call.ID = fmt.Sprint(a.id, " ", c.index, " ", i)
		}
		call.ID, call.Type, call.Index = wire.CallID(call.ID), "function", i
		call.Function.Arguments = cmp.Or(call.Function.Arguments, "{}")
		if err := a.emit(engine.ToolCallDelta{Choice: c.index, Call: *call}); err != nil {
			return err
		}
	}
	c.calls = nil
	return nil
}
