package tui

import (
	tea "charm.land/bubbletea/v2"
)

// chat is the mode for questions of every kind: a conversation and nothing else.
type chat struct {
	*desk
	composer      *composer
	model         *model
	width, height int
}

func newChat(d *desk) mode {
	return &chat{desk: d, composer: newComposer(d, "Ask anything. @ adds a file, / lists commands")}
}

func (c *chat) shown() tea.Cmd {
	var cmd tea.Cmd
	c.model, cmd = c.engines.use(c.options.Model)
	return cmd
}

func (c *chat) subject() string {
	if c.model == nil {
		return ""
	}
	return c.model.name()
}

func (c *chat) resize(width, height int) {
	c.width, c.height = width, height
	_, columns := column(width)
	c.composer.resize(columns, max(1, height/3))
}

func (c *chat) update(tea.Msg) tea.Cmd { return nil }

func (c *chat) press(k tea.KeyPressMsg) outcome {
	if is(k, c.keys.Keys) && c.composer.text == "" {
		return pass()
	}
	if c.composer.press(k, c.keys) {
		return took(nil)
	}
	return pass()
}

func (c *chat) paste(text string) outcome {
	c.composer.insert(text)
	return took(nil)
}

func (c *chat) click(int, int) outcome { return pass() }
func (c *chat) wheel(int)              {}
func (c *chat) bindings() []hint       { return hints(c.keys.Send, c.keys.Newline) }
func (c *chat) foot() foot             { return foot{hints: []hint{{c.keys.Keys, ""}}} }

func (c *chat) view() ([]string, *tea.Cursor) {
	left, _ := column(c.width)
	composed, cursor := c.composer.view()
	lines := make([]string, max(0, c.height-len(composed)))
	cursor.X += left - 2
	cursor.Y += len(lines)
	return append(lines, indented(composed, left-2)...), cursor
}
