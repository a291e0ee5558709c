package talk

import (
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// Commands are those of a conversation, that follow a slash.
func (c *Conversation) Commands() []kit.Command {
	do := func(f func() tea.Cmd) func(string) kit.Outcome {
		return func(string) kit.Outcome { return kit.Handled(f()) }
	}
	return []kit.Command{
		{Name: "new", Help: "a new conversation", Run: func(string) kit.Outcome { return kit.Send(NewRequested{}) }},
		{Name: "model", Args: "[REF]", Help: "another model", Run: c.modelCommand},
		{Name: "attach", Args: "PATH", Help: "attach a file or a picture", Run: func(path string) kit.Outcome {
			return kit.Handled(c.composer.attachFile(path))
		}},
		{Name: "paste", Help: "attach what is on the clipboard", Run: do(c.composer.pasteFromSystem)},
		{Name: "editor", Help: "write in $EDITOR", Run: do(c.openEditor)},
		{Name: "again", Help: "answer the last message again", Run: do(func() tea.Cmd { return c.regenerate(len(c.transcript.turns) - 1) })},
		{Name: "continue", Help: "continue a cut answer", Run: do(c.continueAnswer)},
		{Name: "copy", Help: "copy the last answer", Run: do(c.copyLast)},
		{Name: "message", Args: "NUMBER", Help: "select a message", Run: c.messageCommand},
		{Name: "context", Help: "how much the model keeps in view", Run: func(string) kit.Outcome { return kit.Send(ContextRequested{}) }},
		{Name: "system", Args: "[TEXT]", Help: "how the model is to answer", Run: c.systemCommand},
		{Name: "detach", Help: "take the last attachment back", Run: do(func() tea.Cmd {
			c.composer.attached = slices.Delete(c.composer.attached, max(0, len(c.composer.attached)-1), len(c.composer.attached))
			return nil
		})},
	}
}

func (c *Conversation) modelCommand(ref string) kit.Outcome {
	if ref == "" {
		return kit.Send(ModelsRequested{})
	}
	return kit.Handled(c.UseModel(ref))
}

// messageCommand selects a message by its number, from the first.
func (c *Conversation) messageCommand(number string) kit.Outcome {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(c.transcript.turns) {
		c.notify.Say("there are " + units.Plural(len(c.transcript.turns), "message"))
		return kit.Handled(nil)
	}
	c.transcript.selectTurn(n - 1)
	return kit.Handled(nil)
}

func (c *Conversation) copyLast() tea.Cmd {
	if t := c.last(); t != nil {
		return c.copyText(t.plainText(), "the answer")
	}
	return nil
}

func (c *Conversation) systemCommand(text string) kit.Outcome {
	c.system = strings.TrimSpace(text)
	if c.system == "" {
		c.notify.Say("the model is told nothing before your messages")
	} else {
		c.notify.Say("the model is told this before your messages: " + c.system)
	}
	return kit.Handled(nil)
}

// Paste takes a pasted text.
func (c *Conversation) Paste(text string) kit.Outcome {
	c.transcript.selectTurn(-1)
	cmd := c.composer.pasted(text)
	c.keepDraft()
	return kit.Handled(cmd)
}

// Click selects a message, copies code, or puts the cursor somewhere.
func (c *Conversation) Click(x, y int) kit.Outcome {
	left, _ := kit.Column(c.width)
	if y < c.transcript.height {
		turn, copied := c.transcript.click(x-left, y)
		if copied != nil {
			return kit.Handled(c.copyText(copied.source.String(), "the code"))
		}
		if turn == c.transcript.selected {
			turn = -1
		}
		c.transcript.selected = turn
		return kit.Handled(nil)
	}
	c.transcript.selectTurn(-1)
	if top := c.height - c.composer.rows; y >= top {
		c.composer.Editor.Click(x-left, y-top)
	}
	return kit.Handled(nil)
}

func (c *Conversation) Scroll(lines int) { c.transcript.scroll(lines) }

// attachments takes what was read for the composer.
func (c *Conversation) attachments(msg tea.Msg) {
	switch msg := msg.(type) {
	case fileAttached:
		if msg.to != c.mode {
			return
		}
		switch {
		case msg.err == nil && len(msg.attachments) > 0:
			for _, a := range msg.attachments {
				c.composer.attach(a)
			}
			if msg.note != "" {
				c.notify.Say(msg.note)
			}
		default:
			if msg.instead != "" {
				c.composer.insertPasted(msg.instead)
			}
			if msg.err != nil {
				c.notify.Error(msg.err)
			}
		}
	case clipboardRead:
		if msg.to != c.mode {
			return
		}
		switch {
		case len(msg.image) > 0:
			a, err := readPasted(msg.image)
			if err != nil {
				c.notify.Error(err)
				return
			}
			c.composer.attach(a)
		case msg.text != "":
			c.composer.insertPasted(msg.text)
		case msg.missing:
			c.notify.Say("there is no program here that reads the clipboard; paste with the terminal's own key")
		}
	case editorDone:
		if msg.to != c.mode {
			return
		}
		if msg.err != nil {
			c.notify.Error(msg.err)
			return
		}
		c.composer.SetText(strings.TrimRight(msg.text, "\n"))
	}
	c.keepDraft()
}
