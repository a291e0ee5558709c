package dialect

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// A Conversation collects the messages of a request. Families have orders that models do
// not: instructions between the turns, several messages of one role, each call of a turn in
// a separate message.
type Conversation struct {
	system engine.Content
	rest   []engine.Message
}

// Add appends a message. Instructions at the start become one system prompt; later ones
// are put where they stand, as the user's, since many models know no other place.
func (c *Conversation) Add(m engine.Message) {
	if m.Role == engine.System {
		if len(c.rest) == 0 {
			c.system = append(c.system, m.Content...)
			return
		}
		m.Role = engine.User
	}
	if len(m.Content) == 0 && len(m.ToolCalls) == 0 {
		if m.Role != engine.ToolRole {
			return
		}
		m.Content = engine.Text("") // a tool that had nothing to say
	}
	if last := len(c.rest) - 1; last > 0 && m.Role == engine.ToolRole && c.rest[last].Role == engine.User && awaits(c.rest[last-1]) {
		c.rest = slices.Insert(c.rest, last, m) // what was said meanwhile, and images of results, come after all results
		return
	}
	if last := len(c.rest) - 1; last >= 0 && m.Role != engine.ToolRole && c.rest[last].Role == m.Role {
		c.rest[last].Content = append(slices.Clip(c.rest[last].Content), m.Content...)
		c.rest[last].ToolCalls = append(slices.Clip(c.rest[last].ToolCalls), m.ToolCalls...)
		return
	}
	c.rest = append(c.rest, m)
}

// awaits reports whether a result can come after a message.
func awaits(m engine.Message) bool {
	return m.Role == engine.ToolRole || len(m.ToolCalls) > 0
}

// Messages returns the conversation. An answer at its end is continued.
func (c *Conversation) Messages() []engine.Message {
	var messages []engine.Message
	if len(c.system) > 0 {
		messages = append(messages, engine.Message{Role: engine.System, Content: c.system})
	}
	messages = append(messages, c.rest...)
	if last := len(messages) - 1; last >= 0 && messages[last].Role == engine.Assistant && len(messages[last].ToolCalls) == 0 {
		messages[last].Prefix = true
	}
	for i := range messages {
		for k := range messages[i].ToolCalls {
			messages[i].ToolCalls[k].Index = k
		}
	}
	return messages
}

// Adapt leaves out of a request what the model does not know and what changes nothing but
// how it answers: the effort of thinking, and thinking of earlier turns. Clients send both to
// every model.
func Adapt(req *engine.ChatRequest, info engine.Info) {
	const thoughtsFrom, effortFrom = 13, 15 // versions of Mistral's format
	version, err := strconv.Atoi(strings.TrimPrefix(info.PromptVersion, "v"))
	mistral := err == nil
	if !info.Can.Thinking || mistral && version < effortFrom {
		req.ReasoningEffort = ""
	}
	if info.Can.Thinking && !(mistral && version < thoughtsFrom) {
		return
	}
	for i, m := range req.Messages {
		req.Messages[i].Content = slices.DeleteFunc(slices.Clone(m.Content), func(k engine.Chunk) bool { return k.Type == engine.ThinkingChunk })
	}
	req.Messages = slices.DeleteFunc(req.Messages, func(m engine.Message) bool {
		return m.Role == engine.Assistant && len(m.Content) == 0 && len(m.ToolCalls) == 0
	})
}
