package tui

import (
	tea "charm.land/bubbletea/v2"
)

// chatMode is the mode for questions of every kind: a conversation and nothing else.
type chatMode struct {
	*conversation
}

func newChat(o TalkOptions) mode {
	return &chatMode{newConversation(o, "chat", "Ask anything. @ adds a file, / lists commands")}
}

func (c *chatMode) shown() tea.Cmd {
	switch {
	case c.model != nil:
		return nil
	case c.ref == "":
		return c.lastModel()
	}
	return c.useModel(c.ref)
}

func (c *chatMode) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case newAsked:
		c.leave()
	case questionAsked:
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
