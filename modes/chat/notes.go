package chat

import (
	"fmt"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/units"
)

// LeftOut describes the messages that the model does not see, as a sentence without a
// full stop.
func LeftOut(e engine.LeftOut) string {
	text := units.Plural(e.Messages, "earlier message")
	if e.Tokens > 0 { // servers do not say
		text += fmt.Sprintf(" (%s tokens)", units.Count(e.Tokens))
	}
	if e.Context == 0 {
		return text + " left out: the context is full"
	}
	return fmt.Sprintf("%s left out: the context holds %s tokens", text, units.Count(e.Context))
}

// CutOff says why an answer is incomplete or none, "" if it is complete. tokens is the limit
// of the answer, 0 if it is unknown.
func CutOff(reason engine.FinishReason, tokens int) string {
	switch {
	case reason == engine.FinishModelLength:
		return "cut off: the context is full"
	case reason == engine.FinishLength && tokens > 0:
		return "cut off after " + units.Plural(tokens, "token")
	case reason == engine.FinishLength:
		return "cut off: the token limit is reached"
	case reason == engine.FinishRefusal:
		return "a refusal"
	case reason != "" && reason != engine.FinishStop && reason != engine.FinishToolCalls: // a server's own
		return fmt.Sprintf("cut off by the server: %.40q", reason)
	}
	return ""
}
