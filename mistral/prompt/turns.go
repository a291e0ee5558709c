package prompt

import (
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// A turn is one message in the prompt: adjacent messages of one role, and their texts, are
// joined.
type turn struct {
	role    engine.Role
	content engine.Content // no two texts side by side, none empty
	calls   []engine.ToolCall
	callID  string // of a result
	name    string // of the tool that gave the result
	prefix  bool
}

// plain reports whether the turn has only text; it is then one chunk or none.
func (t *turn) plain() bool {
	return len(t.content) == 0 || len(t.content) == 1 && t.content[0].Type == engine.TextChunk
}

// text is that of a plain turn.
func (t *turn) text() string { return t.content.Plain() }

// empty reports whether content is missing. Several empty texts are not missing.
func empty(c engine.Content) bool {
	return len(c) == 0 || len(c) == 1 && c[0].Type == engine.TextChunk && c[0].Text == ""
}

// turns joins a conversation's messages, and returns separately the system prompts of the
// versions that write those into a user message.
func (f *format) turns(messages []engine.Message) (turns []turn, system string) {
	var systems []string
	var calls []string // ids of the calls whose results come next
	for group := range groups(messages) {
		switch role := group[0].Role; role {
		case engine.System:
			for _, m := range group {
				if f.systemBlock {
					turns = append(turns, turn{role: role, content: f.join(m.Content)})
				} else if !empty(m.Content) {
					systems = append(systems, f.join(m.Content).Plain())
				}
			}
		case engine.ToolRole:
			first := len(turns)
			for _, m := range group {
				turns = append(turns, turn{role: role, content: f.join(m.Content), callID: m.ToolCallID, name: m.Name})
			}
			if f.sorted {
				slices.SortStableFunc(turns[first:], func(a, b turn) int {
					return slices.Index(calls, a.callID) - slices.Index(calls, b.callID)
				})
			}
			calls = nil
		default:
			t := turn{role: role}
			var contents []engine.Content
			for _, m := range group {
				contents = append(contents, m.Content)
				t.calls = append(t.calls, m.ToolCalls...)
				t.prefix = t.prefix || m.Prefix
			}
			t.content = f.join(contents...)
			for _, c := range t.calls {
				calls = append(calls, c.ID)
			}
			turns = append(turns, t)
		}
	}
	if !f.systemBlock && (len(turns) == 0 || turns[0].role != engine.User) {
		turns = slices.Insert(turns, 0, turn{role: engine.User})
	}
	return turns, strings.Join(systems, between)
}

// groups yields runs of messages of one role.
func groups(messages []engine.Message) func(func([]engine.Message) bool) {
	return func(yield func([]engine.Message) bool) {
		for len(messages) > 0 {
			n := 1
			for n < len(messages) && messages[n].Role == messages[0].Role {
				n++
			}
			if !yield(messages[:n]) {
				return
			}
			messages = messages[n:]
		}
	}
}

// join concatenates the contents of messages and merges adjacent texts.
func (f *format) join(contents ...engine.Content) engine.Content {
	var all engine.Content
	var run []string // text so far, with what joins it
	flush := func() {
		if len(run) > 0 {
			all = append(all, engine.Chunk{Type: engine.TextChunk, Text: strings.Join(run, "")})
			run = nil
		}
	}
	for _, content := range contents {
		next := f.chunkJoin
		if len(run) > 0 {
			next = between
		}
		for _, c := range content {
			switch {
			case c.Type != engine.TextChunk:
				flush()
				all = append(all, c)
			case c.Text == "":
			default:
				if len(run) > 0 {
					run = append(run, next)
				}
				run = append(run, c.Text)
				next = f.chunkJoin
			}
		}
	}
	flush()
	return all
}
