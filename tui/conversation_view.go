package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/units"
)

// resize gives the conversation its space: the composer takes what it needs, and
// the transcript the rest.
func (c *conversation) resize(width, height int) {
	c.width, c.height = width, height
	_, columns := column(width)
	c.composer.resize(columns, max(1, height/3), max(1, height-4))
	c.transcript.resize(columns, max(0, height-c.composer.height()-1-len(c.waitingLines())))
}

func (c *conversation) view() ([]string, *tea.Cursor) {
	left, columns := column(c.width)
	lines := c.transcript.view(left)
	if len(c.transcript.turns) == 0 {
		lines = indented(c.greeting(columns), left)
		lines = lines[:min(len(lines), c.transcript.height)]
	}
	for len(lines) < c.transcript.height {
		lines = append(lines, "")
	}
	lines = append(lines, "")
	if help := c.composer.help(); len(help) > 0 {
		help = help[:min(len(help), len(lines))]
		lines = slices.Concat(lines[:len(lines)-len(help)], indented(help, left-2))
	}
	lines = append(lines, indented(c.waitingLines(), left)...)
	composed, cursor := c.composer.view()
	cursor.X += left - 2
	cursor.Y += len(lines)
	if c.transcript.selected >= 0 {
		cursor = nil
	}
	return append(lines, indented(composed, left-2)...), cursor
}

// waitingLines are the messages that wait for the end of the answer.
func (c *conversation) waitingLines() []string {
	_, columns := column(c.width)
	var lines []string
	for _, m := range c.queue {
		text := oneLine(m.text)
		if text == "" {
			text = units.Plural(len(m.attached), "attachment")
		}
		lines = append(lines, c.look.Theme.muted.Render(cut("next: "+text, columns)))
	}
	const most = 3
	if len(lines) > most {
		lines = append(lines[:most-1], c.look.Theme.muted.Render(fmt.Sprintf("and %d more", len(lines)-most+1)))
	}
	return lines
}

// greeting is what an empty conversation says: only what has to be known.
func (c *conversation) greeting(width int) []string {
	if c.model == nil || c.model.state != failed {
		return nil
	}
	msg, advice := Explain(c.model.err)
	lines := append([]string{""}, wrapped(msg, width)...)
	if advice != "" {
		lines = append(lines, styled(c.look.Theme.muted, wrapped(advice, width))...)
	}
	return append(lines, "", c.look.Theme.muted.Render(c.look.Keys.Models.Help().Key+" models"))
}

// subject is the model, and what it does when that is not to be ready.
func (c *conversation) subject() string {
	if c.model == nil {
		return ""
	}
	name := c.model.name()
	switch c.model.state {
	case opening:
		return c.look.Theme.muted.Render("starting " + name)
	case loading:
		text := "loading " + name
		if c.model.loaded >= 0 {
			text += fmt.Sprintf(" %.0f %%", c.model.loaded*100)
		}
		return c.look.Theme.muted.Render(text)
	case failed:
		if c.model.ref == "" {
			name = "no model"
		}
		return c.look.Theme.alarm.Render("✗ " + name)
	}
	return name
}

// foot says what is true of the conversation, and which keys work.
func (c *conversation) foot() foot {
	if i := c.transcript.selected; i >= 0 {
		return foot{hints: c.selectedHints(c.transcript.turns[i])}
	}
	if c.composer.popup != nil {
		return foot{hints: []hint{{c.look.Keys.Send, "take it"}, {c.look.Keys.Complete, ""}, {c.look.Keys.Back, ""}}}
	}
	f := foot{left: c.meter(), hints: c.hints()}
	if c.edited >= 0 {
		f.left = c.look.Theme.muted.Render("editing: it becomes another version")
	}
	return f
}

// hints are the keys that the foot shows.
func (c *conversation) hints() []hint {
	switch {
	case c.busy():
		return []hint{{c.look.Keys.Stop, "stop"}}
	case c.edited >= 0:
		return []hint{{c.look.Keys.Send, "send"}, {c.look.Keys.Back, "back"}}
	case len(c.transcript.turns) > 0:
		return []hint{{c.look.Keys.Keys, ""}}
	}
	return hints(c.look.Keys.Keys, c.look.Keys.Conversations, c.look.Keys.Models, c.look.Keys.Settings)
}

// selectedHints are what can be done to a selected message.
func (c *conversation) selectedHints(t *turn) []hint {
	list := []hint{{Binding: c.look.Keys.Copy}, {Binding: c.look.Keys.Edit}, {Binding: c.look.Keys.Again}}
	if n, of := t.version(); of > 1 {
		versions := letter("left", "versions")
		versions.SetHelp(fmt.Sprintf("‹ %d/%d ›", n, of), "versions")
		list = append(list, hint{Binding: versions})
	}
	if codes := len(t.codes()); codes > 0 {
		copied := letter("1", "code")
		if codes > 1 {
			copied.SetHelp(fmt.Sprintf("1-%d", min(9, codes)), "code")
		}
		list = append(list, hint{Binding: copied})
	}
	return append(list, hints(c.look.Keys.Fold, c.look.Keys.Save, c.look.Keys.Back)...)
}

// bindings are the keys that work in a conversation.
func (c *conversation) bindings() []hint {
	if i := c.transcript.selected; i >= 0 {
		return c.selectedHints(c.transcript.turns[i])
	}
	list := hints(c.look.Keys.Send, c.look.Keys.Newline)
	if c.busy() {
		list = append(list, hint{Binding: c.look.Keys.Stop})
	}
	if t := c.last(); t != nil && t.cut() {
		list = append(list, hint{Binding: c.look.Keys.Continue})
	}
	if len(c.transcript.turns) > 0 {
		list = append(list, hints(c.look.Keys.Select, c.look.Keys.Regenerate)...)
	}
	at, slash := letter("@", "attach a file"), letter("/", "commands")
	return append(list, hint{Binding: at}, hint{Binding: slash})
}

// meter says how full the context is, and what the last answer took.
func (c *conversation) meter() string {
	used, total := c.used()
	if used == 0 {
		return ""
	}
	parts := []string{units.Count(used) + " tokens"}
	if total > 0 {
		share := float64(used) / float64(total)
		style, columns := c.look.Theme.accent, 18
		if share > 0.9 {
			style = c.look.Theme.warn
		}
		if c.width < tabsWidth {
			columns = 8
		}
		full := max(0, min(columns, int(share*float64(columns)+0.5)))
		bar := style.Render(units.Bar(1, full)) + c.look.Theme.border.Render(units.Bar(0, columns-full))
		parts[0] = fmt.Sprintf("%s of %s %s", units.Count(used), units.Count(total), bar)
	}
	t := c.lastMeasured()
	var facts []string
	if out := t.measured.LeftOut.Messages; out > 0 {
		facts = append(facts, fmt.Sprintf("%d earlier left out", out))
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
	if len(facts) > 0 {
		parts = append(parts, c.look.Theme.muted.Render(strings.Join(facts, " · ")))
	}
	return strings.Join(parts, "   ")
}

// lastMeasured is the last answer whose tokens are known.
func (c *conversation) lastMeasured() *turn {
	for _, t := range slices.Backward(c.transcript.turns) {
		if t.measured.Usage.TotalTokens > 0 {
			return t
		}
	}
	return nil
}
