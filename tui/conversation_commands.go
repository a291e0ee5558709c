package tui

import (
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/units"
)

// commands are those of a conversation, that follow a slash.
func (c *conversation) commands() []command {
	do := func(f func() tea.Cmd) func(string) outcome {
		return func(string) outcome { return took(f()) }
	}
	return []command{
		{name: "new", help: "a new conversation", run: func(string) outcome { return tell(newAsked{}) }},
		{name: "model", args: "[REF]", help: "another model", run: c.modelCommand},
		{name: "attach", args: "PATH", help: "attach a file or a picture", run: func(path string) outcome {
			return took(c.composer.attachFile(path))
		}},
		{name: "paste", help: "attach what is on the clipboard", run: do(c.composer.pasteFromSystem)},
		{name: "editor", help: "write in $EDITOR", run: do(c.edit)},
		{name: "again", help: "answer the last message again", run: do(func() tea.Cmd { return c.again(len(c.transcript.turns) - 1) })},
		{name: "continue", help: "continue a cut answer", run: do(c.goOn)},
		{name: "copy", help: "copy the last answer", run: do(c.copyLast)},
		{name: "message", args: "NUMBER", help: "select a message", run: c.messageCommand},
		{name: "context", help: "how much the model keeps in view", run: func(string) outcome { return tell(opened{newContextDialog(c.desk, c.model)}) }},
		{name: "system", args: "[TEXT]", help: "how the model is to answer", run: c.systemCommand},
		{name: "detach", help: "take the last attachment back", run: do(func() tea.Cmd {
			c.composer.attached = slices.Delete(c.composer.attached, max(0, len(c.composer.attached)-1), len(c.composer.attached))
			return nil
		})},
	}
}

func (c *conversation) modelCommand(ref string) outcome {
	if ref == "" {
		return tell(modelsAsked{})
	}
	return took(c.useModel(ref))
}

// messageCommand selects a message by its number, from the first.
func (c *conversation) messageCommand(number string) outcome {
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(c.transcript.turns) {
		c.say("there are " + units.Plural(len(c.transcript.turns), "message"))
		return took(nil)
	}
	c.transcript.choose(n - 1)
	return took(nil)
}

func (c *conversation) copyLast() tea.Cmd {
	if t := c.last(); t != nil {
		return c.copyText(t.said(), "the answer")
	}
	return nil
}

func (c *conversation) systemCommand(text string) outcome {
	c.system = strings.TrimSpace(text)
	if c.system == "" {
		c.say("the model is told nothing before your messages")
	} else {
		c.say("the model is told this before your messages: " + c.system)
	}
	return took(nil)
}

// paste takes a pasted text.
func (c *conversation) paste(text string) outcome {
	c.transcript.choose(-1)
	cmd := c.composer.pasted(text)
	c.keepDraft()
	return took(cmd)
}

// click selects a message, copies code, or puts the cursor somewhere.
func (c *conversation) click(x, y int) outcome {
	left, _ := column(c.width)
	if y < c.transcript.height {
		turn, copied := c.transcript.click(x-left, y)
		if copied != nil {
			return took(c.copyText(copied.source.String(), "the code"))
		}
		if turn == c.transcript.selected {
			turn = -1
		}
		c.transcript.selected = turn
		return took(nil)
	}
	c.transcript.choose(-1)
	if top := c.height - c.composer.rows; y >= top {
		c.composer.editor.click(x-left, y-top)
	}
	return took(nil)
}

func (c *conversation) wheel(lines int) { c.transcript.scroll(lines) }

// attachments takes what was read for the composer.
func (c *conversation) attachments(msg tea.Msg) {
	switch msg := msg.(type) {
	case fileAttached:
		if msg.to != c.composer {
			return
		}
		switch {
		case msg.err == nil && len(msg.attachments) > 0:
			for _, a := range msg.attachments {
				c.composer.attach(a)
			}
			if msg.note != "" {
				c.say(msg.note)
			}
		default:
			if msg.instead != "" {
				c.composer.putPasted(msg.instead)
			}
			if msg.err != nil {
				c.sayError(msg.err)
			}
		}
	case clipboardRead:
		if msg.to != c.composer {
			return
		}
		switch {
		case len(msg.image) > 0:
			a, err := readPasted(msg.image)
			if err != nil {
				c.sayError(err)
				return
			}
			c.composer.attach(a)
		case msg.text != "":
			c.composer.putPasted(msg.text)
		case msg.missing:
			c.say("there is no program here that reads the clipboard; paste with the terminal's own key")
		}
	case editorDone:
		if msg.to != c.composer {
			return
		}
		if msg.err != nil {
			c.sayError(msg.err)
			return
		}
		c.composer.set(strings.TrimRight(msg.text, "\n"))
	}
	c.keepDraft()
}
