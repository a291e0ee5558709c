package talk

import (
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/past"
)

// QuestionBegun asks a conversation to insert Text into its composer.
type QuestionBegun struct{ Text string }

// Chat is the mode for general questions: a plain conversation.
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
		return c.engines.Choose(c.mode, "")
	}
	c.home = c.ref
	return c.use(c.ref)
}

func (c *Chat) Update(msg tea.Msg) tea.Cmd { return tea.Batch(c.update(msg), c.count()) }

func (c *Chat) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case NewRequested:
		return c.startNew()
	case QuestionBegun:
		c.composer.Insert(msg.Text)
	case past.Opened:
		return c.open(msg)
	case past.Deleted:
		if c.saved != nil && c.saved.Load() == msg.ID {
			c.reset()
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
