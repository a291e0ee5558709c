package tui

import (
	tea "charm.land/bubbletea/v2"
)

// questionBegun has a text for the composer, behind which the user goes on.
type questionBegun struct{ text string }

// chatMode is the mode for questions of every kind: a conversation and nothing else.
type chatMode struct {
	*conversation
}

func newChat(o TalkOptions) *chatMode {
	return &chatMode{newConversation(o, "chat", "Ask anything. @ adds a file, / lists commands")}
}

func (c *chatMode) Shown() tea.Cmd {
	switch {
	case c.model != nil:
		return nil
	case c.ref == "":
		return c.lastModel()
	}
	return c.UseModel(c.ref)
}

func (c *chatMode) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case newAsked:
		c.leave()
	case questionBegun:
		c.composer.Insert(msg.text)
	case conversationRead:
		return c.show(msg)
	case conversationDeleted:
		if c.saved != nil && c.saved.id.Load() == msg.id {
			c.leave()
		}
	case fileAttached, clipboardRead, editorDone:
		c.attachments(msg)
	case filesRead, filePreview:
		if p, ok := c.composer.popup.(*filePopup); ok {
			return p.take(msg)
		}
	default:
		return c.conversation.Update(msg)
	}
	return nil
}
