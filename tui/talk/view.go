package talk

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// Resize gives the composer the rows it needs, and the transcript the rest.
func (c *Conversation) Resize(width, height int) {
	c.width, c.height = width, height
	c.showSetup()
	_, columns := kit.Column(width)
	c.composer.resize(columns, max(1, height/3), max(1, height-4))
	c.transcript.resize(columns, max(0, height-c.composer.height()-1-len(c.waitingLines())))
	c.find.refresh()
}

func (c *Conversation) View() ([]string, *tea.Cursor) {
	left, columns := kit.Column(c.width)
	lines := c.transcript.view(left)
	if len(c.transcript.turns) == 0 {
		lines = kit.Indent(c.greeting(columns), left)
		if most := c.transcript.height; len(lines) > most {
			lines = c.look.MarkMore(lines[:most], c.width, false, true)
		}
	}
	for len(lines) < c.transcript.height {
		lines = append(lines, "")
	}
	between, x := c.between(columns)
	lines = append(lines, kit.Indent([]string{between}, left)...)
	if help := c.composer.popupLines(); len(help) > 0 {
		help = help[:min(len(help), len(lines))]
		lines = slices.Concat(lines[:len(lines)-len(help)], kit.Indent(help, left-2))
	}
	lines = append(lines, kit.Indent(c.waitingLines(), left)...)
	composer, cursor := c.composer.view(c.transcript.selected >= 0 || c.find.open, c.selectedNote())
	cursor.X += left - 2
	cursor.Y += len(lines)
	switch {
	case c.find.open:
		cursor = tea.NewCursor(left+x, c.transcript.height)
	case c.transcript.selected >= 0:
		cursor = nil
	}
	return append(lines, kit.Indent(composer, left-2)...), cursor
}

// selectedNote says that keys go to a selected message, "" if none is selected.
func (c *Conversation) selectedNote() string {
	if c.transcript.selected < 0 {
		return ""
	}
	return "A message is selected. " + kit.KeyOr(c.look.Keys.Back, "enter") + " to write"
}

// between returns the line between the messages and the composer: the search, what keys are for,
// and that an answer has grown out of sight. x is the column of the cursor in the search.
func (c *Conversation) between(width int) (line string, x int) {
	right := ""
	if c.transcript.unseen && !c.transcript.follow {
		right = c.look.Theme.Accent.Render(strings.TrimSpace("↓ new · " + kit.KeyOr(c.look.Keys.Bottom, "click")))
	}
	switch {
	case c.find.active:
		line, x = c.find.view(width - kit.Width(right) - 1)
	case c.composer.Text != "" && c.transcript.selected >= 0:
		line = c.look.Theme.Muted.Render(c.selectedNote())
	}
	if right == "" {
		return line, x
	}
	return kit.Spread(line, right, width), x
}

// waitingLines says where the first message goes, and lists the queued messages.
func (c *Conversation) waitingLines() []string {
	_, columns := kit.Column(c.width)
	var lines []string
	if text := c.engines.Announcement(c.model, "Your messages go"); text != "" {
		lines = kit.StyleLines(c.look.Theme.Warn, kit.Wrap(text, columns))
	}
	told := len(lines)
	for _, m := range c.queue {
		text := kit.OneLine(m.text)
		if text == "" {
			text = units.Plural(len(m.attached), "attachment")
		}
		lines = append(lines, c.look.Theme.Muted.Render(kit.Truncate("next: "+text, columns)))
	}
	const most = 3
	if waiting := len(lines) - told; waiting > most {
		lines = append(lines[:told+most-1], c.look.Theme.Muted.Render(fmt.Sprintf("and %d more", waiting-most+1)))
	}
	return lines
}

// greeting returns the text of an empty conversation: the model's error, if any.
func (c *Conversation) greeting(width int) []string {
	var above []string
	if setup := c.setup(); setup != "" {
		above = append([]string{""}, drawSetup(c.look.Theme, setup, false, width)...)
	}
	if c.model == nil || c.model.State != engines.Failed {
		return above
	}
	msg, advice := kit.Explain(c.model.Err)
	lines := append(append(above, ""), kit.Wrap(msg, width)...)
	if advice != "" {
		lines = append(lines, kit.StyleLines(c.look.Theme.Muted, kit.Wrap(advice, width))...)
	}
	return append(lines, "", c.look.Theme.Muted.Render(kit.KeyOr(c.look.Keys.Models, "/model")+" models"))
}

// Subject returns the model's name and its state unless it is ready.
func (c *Conversation) Subject() string {
	if c.model == nil {
		return ""
	}
	name := c.model.Label()
	switch c.model.State {
	case engines.Opening:
		return c.look.Theme.Muted.Render("starting " + name)
	case engines.Loading:
		text := "loading " + name
		if c.model.Loaded >= 0 {
			text += fmt.Sprintf(" %.0f %%", c.model.Loaded*100)
		}
		return c.look.Theme.Muted.Render(text)
	case engines.Failed:
		if c.model.Ref == "" {
			name = "no model"
		}
		return c.look.Theme.Alert.Render("✗ " + name)
	}
	return name
}

// Footer shows the context meter, or the actions on the selected message.
func (c *Conversation) Footer() kit.Footer {
	if i := c.transcript.selected; i >= 0 {
		return kit.Footer{Hints: c.selectedHints(c.transcript.turns[i])}
	}
	if c.find.open {
		return kit.Footer{Hints: findHints}
	}
	if c.composer.popup != nil {
		back := kit.Hint{Binding: c.look.Keys.Back, Words: ""}
		if enter := c.composer.popup.Enter(); enter != "" {
			return kit.Footer{Hints: []kit.Hint{{Binding: c.look.Keys.Send, Words: enter}, {Binding: c.look.Keys.Complete, Words: ""}, back}}
		}
		return kit.Footer{Hints: []kit.Hint{back}}
	}
	f := kit.Footer{Left: c.meter(), Hints: c.hints()}
	if c.edited >= 0 {
		f.Left = c.look.Theme.Muted.Render("editing: sending makes another version")
	}
	return f
}

// hints returns the keys shown in the footer.
func (c *Conversation) hints() []kit.Hint {
	switch {
	case c.busy():
		return []kit.Hint{{Binding: c.look.Keys.Stop, Words: "stop"}}
	case c.find.active:
		return []kit.Hint{{Binding: c.look.Keys.Find, Words: "other matches"}, {Binding: c.look.Keys.Back, Words: "unmark"}}
	case c.edited >= 0:
		return []kit.Hint{{Binding: c.look.Keys.Send, Words: "send"}, {Binding: c.look.Keys.Back, Words: "back"}}
	case len(c.transcript.turns) > 0:
		return []kit.Hint{{Binding: c.look.Keys.Keys, Words: ""}}
	}
	return kit.Hints(c.look.Keys.Keys, c.look.Keys.Conversations, c.look.Keys.Models, c.look.Keys.Settings)
}

// selectedHints returns the actions on a message.
func (c *Conversation) selectedHints(t *turn) []kit.Hint {
	list := []kit.Hint{{Binding: c.look.Keys.Copy}, {Binding: c.look.Keys.Edit}, {Binding: c.look.Keys.Again}}
	if n, of := t.version(); of > 1 {
		versions := kit.NewBinding("left", "versions")
		versions.SetHelp(fmt.Sprintf("‹ %d/%d ›", n, of), "versions")
		list = append(list, kit.Hint{Binding: versions})
	}
	if codes := len(t.codes()); codes > 0 {
		copied := kit.NewBinding("1", "code")
		if codes > 1 {
			copied.SetHelp(fmt.Sprintf("1-%d", min(9, codes)), "code")
		}
		list = append(list, kit.Hint{Binding: copied})
	}
	return append(list, kit.Hints(c.look.Keys.Fold, c.look.Keys.Save, c.look.Keys.Back)...)
}

// findHints are the keys while the line to search has the keys.
var findHints = kit.Hints(kit.NewBinding("enter", "older match"), kit.NewBinding("down", "newer match"), kit.NewBinding("esc", "back"))

// Bindings returns the keys of a conversation.
func (c *Conversation) Bindings() []kit.Hint {
	if c.find.open {
		return findHints
	}
	if i := c.transcript.selected; i >= 0 {
		return c.selectedHints(c.transcript.turns[i])
	}
	list := kit.Hints(c.look.Keys.Send, c.look.Keys.Newline)
	if c.busy() {
		list = append(list, kit.Hint{Binding: c.look.Keys.Stop})
	}
	if t := c.last(); t != nil && t.canContinue() {
		list = append(list, kit.Hint{Binding: c.look.Keys.Continue})
	}
	if len(c.transcript.turns) > 0 {
		list = append(list, kit.Hints(c.look.Keys.Select, c.look.Keys.Regenerate, c.look.Keys.EditLast, c.look.Keys.Find)...)
	}
	if t := c.last(); t != nil && t.unanswered() {
		list = append(list, kit.Hint{Binding: c.look.Keys.Without, Words: "without attachments"})
	}
	at, slash := kit.NewBinding("@", "attach a file"), kit.NewBinding("/", "commands")
	return append(list, kit.Hint{Binding: at}, kit.Hint{Binding: slash})
}

// meter shows how full the context is with the conversation on the screen and the attachments of
// the message, and how fast the last answer was.
func (c *Conversation) meter() string {
	used, total := c.used()
	added := c.composer.tokens()
	if used == 0 && added == 0 {
		return ""
	}
	text := units.Count(used)
	switch {
	case used == 0:
		text = "+" + units.Count(added)
	case added > 0:
		text += " + " + units.Count(added)
	}
	if total == 0 {
		text += " tokens"
	} else {
		share := float64(used+added) / float64(total)
		style, columns := c.look.Theme.Accent, 18
		switch {
		case share > 1 && added > 0:
			style = c.look.Theme.Alert
		case share > 0.9:
			style = c.look.Theme.Warn
		}
		if c.width < kit.WideColumns {
			columns = 8
		}
		full := max(0, min(columns, int(share*float64(columns)+0.5)))
		bar := style.Render(units.Bar(1, full)) + c.look.Theme.Border.Render(units.Bar(0, columns-full))
		text = fmt.Sprintf("%s of %s %s", text, units.Count(total), bar)
	}
	if facts := c.facts(); facts != "" {
		text += "   " + c.look.Theme.Muted.Render(facts)
	}
	return text
}

// facts says how the last answer was generated, if it is complete.
func (c *Conversation) facts() string {
	t := c.last()
	if t == nil || t.measured.Usage.TotalTokens == 0 {
		return ""
	}
	var facts []string
	if out := t.measured.LeftOut.Messages; out > 0 {
		facts = append(facts, fmt.Sprintf("%d earlier messages left out", out))
	}
	if rate := t.measured.Timings.DecodeRate(); rate > 0 {
		facts = append(facts, units.Speed(rate))
	}
	if first := t.measured.Timings.FirstToken; first > 0 {
		facts = append(facts, "first "+units.Duration(first))
	}
	if reused := t.measured.Usage.Cached(); reused > 0 {
		facts = append(facts, units.Count(reused)+" reused")
	}
	return strings.Join(facts, " · ")
}
