package talk

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
)

// promptsRead has the user's messages of the last conversation in a mode, oldest first.
type promptsRead struct {
	to    string // mode
	texts []string
}

// recentConversations is how many conversations are looked at for the last messages.
const recentConversations = 20

// readPrompts is a command that reads the user's messages of the last conversation, so that the
// up key finds them after a restart.
func (c *Conversation) readPrompts() tea.Cmd {
	c.soughtSent = true
	ctx, records, mode := c.tasks.Context(), c.history, c.mode
	return func() tea.Msg {
		store, err := records.Store(ctx)
		if err != nil {
			return nil // reported already
		}
		list, _ := store.List(ctx, history.Conversation{}, recentConversations)
		for _, conversation := range list {
			if conversation.Mode != mode {
				continue
			}
			path, _ := store.Path(ctx, conversation.ID)
			if texts := prompts(path); len(texts) > 0 {
				return promptsRead{mode, texts}
			}
		}
		return nil
	}
}

// prompts returns the texts of the user's messages.
func prompts(path []history.Message) []string {
	var texts []string
	for _, m := range path {
		t := turn{role: m.Role, content: m.Content, attached: m.Attached}
		if text := t.plainText(); m.Role == engine.User && text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// addSent adds the user's messages of a conversation to the previous messages.
func (c *composer) addSent(texts []string) {
	c.sent = slices.DeleteFunc(c.sent, func(s string) bool { return slices.Contains(texts, s) })
	c.sent = append(c.sent, texts...)
}

// recalled reports whether the text is a previous message, as it was sent.
func (c *composer) recalled() bool {
	return c.recall > 0 && c.recall <= len(c.sent) && c.Text == c.sent[len(c.sent)-c.recall]
}

// recallSent moves through previous messages, back if by is positive.
func (c *composer) recallSent(by int) {
	to := max(0, min(c.recall+by, len(c.sent)))
	if to == c.recall {
		return
	}
	if c.recall == 0 {
		c.unsent = c.Text
	}
	c.recall = to
	if to == 0 {
		c.SetText(c.unsent)
		return
	}
	c.SetText(c.sent[len(c.sent)-to])
}
