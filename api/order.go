package api

import (
	"fmt"
	"slices"

	"github.com/bise-sh/bise/engine"
)

// follows has the roles that La Plateforme allows after another.
var follows = map[engine.Role][]engine.Role{
	engine.System:    {engine.User, engine.Assistant, engine.System},
	engine.User:      {engine.Assistant, engine.System, engine.User},
	engine.Assistant: {engine.Assistant, engine.User, engine.ToolRole},
	engine.ToolRole:  {engine.Assistant, engine.ToolRole},
}

// checkOrder refuses conversations that no model can answer and, when strict,
// all that La Plateforme refuses. What else a model's format cannot express is
// for its engine to say.
func (r *reader) checkOrder(messages []engine.Message) {
	calls := map[string]bool{} // ids seen
	for i, m := range messages {
		if i > 0 && r.strict && !slices.Contains(follows[messages[i-1].Role], m.Role) {
			r.reject(disorder("Unexpected role '%s' after role '%s'", m.Role, messages[i-1].Role))
		}
		if m.Prefix && i < len(messages)-1 {
			r.reject(newRefusal("messages", "Assistant message with prefix True must be the last one"))
		}
		switch m.Role {
		case engine.Assistant:
			if len(m.Content) == 0 && len(m.ToolCalls) == 0 {
				r.reject(newRefusal("messages", "Assistant message must have either content or tool_calls, but not none"))
			}
			if m.Prefix && len(m.Content) == 0 {
				r.reject(newRefusal("messages", "Assistant message with prefix True must have content"))
			}
			for _, c := range m.ToolCalls {
				calls[c.ID] = true
			}
		case engine.ToolRole:
			if !calls[m.ToolCallID] {
				r.reject(newRefusal("messages", "Unexpected tool call id %s in tool results", m.ToolCallID).
					as("invalid_function_call", "3280"))
			}
		}
	}
	last := messages[len(messages)-1]
	switch {
	case last.Role == engine.User, last.Role == engine.ToolRole, last.Role == engine.Assistant && last.Prefix:
	case last.Role == engine.System && len(messages) == 1:
	default:
		r.reject(disorder("Expected last role User or Tool (or Assistant with prefix True) for serving but got %s", last.Role))
	}
}

// disorder rejects the order of messages.
func disorder(format string, args ...any) *refusal {
	return newRefusal("messages", "%s", fmt.Sprintf(format, args...)).as("invalid_request_message_order", "3230")
}

// prefix is the text that an answer to the messages continues, "" for none.
func prefix(messages []engine.Message) string {
	if len(messages) == 0 {
		return ""
	}
	last := messages[len(messages)-1]
	if !last.Prefix {
		return ""
	}
	return last.Content.Plain()
}
