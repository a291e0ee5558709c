package talk

import (
	tea "charm.land/bubbletea/v2"
)

// QuestionBegun has a text for the composer, behind which the user goes on.
type QuestionBegun struct{ Text string }

// Chat is the mode for questions of every kind: a conversation and nothing else.
type Chat struct {
	*Conversation
}

func NewChat(o Options) *Chat {
	return &Chat{newConversation(o, "chat", "Ask anything. @ adds a file, / lists commands")}
}

func (c *Chat) Shown() tea.Cmd {
	switch {
	case c.model != nil:
		return nil
	case c.ref == "":
		return c.findLastModel()
	}
	return c.UseModel(c.ref)
}

func (c *Chat) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case NewRequested:
		c.startNew()
	case QuestionBegun:
		c.composer.Insert(msg.Text)
	case ConversationRead:
		return c.open(msg)
	case ConversationDeleted:
		if c.saved != nil && c.saved.id.Load() == msg.Id {
			c.startNew()
		}
	case fileAttached, clipboardRead, editorDone:
		c.attachments(msg)
	case filesRead, filePreview:
		if p, ok := c.composer.popup.(*filePopup); ok {
			return p.take(msg)
		}
	default:
		return c.Conversation.Update(msg)
	}
	return nil
}
