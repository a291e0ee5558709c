package talk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
)

// Commands returns the slash commands of a conversation.
func (c *Conversation) Commands() []kit.Command {
	do := func(f func() tea.Cmd) func(string) kit.Outcome {
		return func(string) kit.Outcome { return kit.Handled(f()) }
	}
	return append(slices.Clip(c.commands), []kit.Command{
		{Name: "new", Help: "start a new conversation", Run: func(string) kit.Outcome { return kit.Send(NewRequested{}) }},
		{Name: "model", Args: "[REF]", Help: "switch the model", Run: c.modelCommand},
		{Name: "attach", Args: "PATH", Help: "attach a file or an image", Run: func(path string) kit.Outcome {
			return kit.Handled(c.composer.attachFile(path))
		}},
		{Name: "paste", Help: "attach the clipboard's contents", Run: do(c.composer.pasteFromSystem)},
		{Name: "editor", Help: "edit the message in $EDITOR", Run: do(c.openEditor)},
		{Name: "again", Help: "answer the last message again", Run: do(func() tea.Cmd { return c.regenerate(len(c.transcript.turns) - 1) })},
		{Name: "continue", Help: "continue a cut answer", Run: do(c.continueAnswer)},
		{Name: "copy", Help: "copy the last answer", Run: do(c.copyLast)},
		{Name: "find", Args: "TEXT", Help: "search this conversation", Run: func(text string) kit.Outcome {
			c.search(text)
			return kit.Handled(nil)
		}},
		{Name: "message", Args: "NUMBER", Help: "select a message", Run: c.messageCommand},
		{Name: "clear", Help: "discard the draft and its attachments", Run: do(c.discardDraft)},
		{Name: "context", Help: "set the context length", Run: func(string) kit.Outcome { return kit.Send(ContextRequested{}) }},
		{Name: "system", Args: "[TEXT]", Help: "edit the system prompt, or clear it: /system clear", Run: c.systemCommand},
		{Name: "set", Args: "[NAME VALUE]", Help: "set temperature, max_tokens and others", Run: c.setCommand},
		{Name: "effort", Args: "[LEVEL]", Help: "set how much the model thinks: none to max", Run: func(level string) kit.Outcome { return c.setCommand("reasoning " + level) }},
		{Name: "detach", Help: "remove the last attachment", Run: do(func() tea.Cmd {
			c.composer.attached = slices.Delete(c.composer.attached, max(0, len(c.composer.attached)-1), len(c.composer.attached))
			return nil
		})},
	}...)
}

func (c *Conversation) modelCommand(ref string) kit.Outcome {
	if ref == "" {
		return kit.Send(ModelsRequested{})
	}
	return kit.Handled(c.engines.Choose(c.mode, ref))
}

// messageCommand selects a message by its number, from 1.
func (c *Conversation) messageCommand(number string) kit.Outcome {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(c.transcript.turns) {
		c.notify.Info(fmt.Sprintf("invalid message number %q: want 1 to %d", number, len(c.transcript.turns)))
		return kit.Handled(nil)
	}
	c.find.open = false
	c.transcript.selectTurn(n - 1)
	return kit.Handled(nil)
}

// discardDraft discards what is in the composer, or cancels an edit.
func (c *Conversation) discardDraft() tea.Cmd {
	if c.edited >= 0 {
		c.cancelEdit()
	} else {
		c.composer.clear()
	}
	c.keepDraft()
	c.notify.Info("draft discarded")
	return nil
}

func (c *Conversation) copyLast() tea.Cmd {
	if t := c.last(); t != nil {
		return c.copyText(t.plainText(), "the answer")
	}
	return nil
}

// Paste inserts or attaches pasted text.
func (c *Conversation) Paste(text string) kit.Outcome {
	if c.find.open {
		c.find.paste(text)
		return kit.Handled(nil)
	}
	c.transcript.selectTurn(-1)
	cmd := c.composer.paste(text)
	c.keepDraft()
	return kit.Handled(tea.Batch(cmd, c.count()))
}

// Click selects a message, copies code or moves the cursor.
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
		c.find.open = false
		c.transcript.selected = turn
		return kit.Handled(nil)
	}
	c.transcript.selectTurn(-1)
	if y == c.transcript.height {
		if c.transcript.unseen {
			c.transcript.toEnd()
		}
		return kit.Handled(nil)
	}
	c.find.open = false
	if top := c.height - c.composer.rows; y >= top {
		c.composer.Editor.Click(x-left, y-top)
	}
	return kit.Handled(nil)
}

func (c *Conversation) Scroll(lines int) { c.transcript.scroll(lines) }

// attachments adds to the composer what was read for it.
func (c *Conversation) attachments(msg tea.Msg) {
	switch msg := msg.(type) {
	case fileAttached:
		if msg.to != c.mode {
			return
		}
		for _, a := range msg.attachments {
			c.composer.attach(a)
		}
		if len(msg.attachments) == 0 && msg.instead != "" {
			c.composer.insertPasted(msg.instead)
		}
		switch {
		case msg.err != nil:
			c.notify.Error(msg.err)
		case msg.note != "":
			c.notify.Info(msg.note)
		}
	case clipboardRead:
		if msg.to != c.mode {
			return
		}
		switch {
		case len(msg.image) > 0:
			a, err := readPastedImage(msg.image)
			if err != nil {
				c.notify.Error(err)
				return
			}
			c.composer.attach(a)
		case msg.text != "":
			c.composer.insertPasted(msg.text)
		case msg.missing:
			c.notify.Info("no program to read the clipboard; use the terminal's paste key")
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
