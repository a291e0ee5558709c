package talk

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
)

// commandPopup completes a command after a slash.
type commandPopup struct {
	*composer
	found  []kit.Found[kit.Command]
	chosen int
}

func newCommandPopup(c *composer) *commandPopup { return &commandPopup{composer: c} }

func (p *commandPopup) Typed(word string) tea.Cmd {
	p.found = kit.Filter(p.commands(), strings.TrimPrefix(word, "/"), func(c kit.Command) string { return c.Name })
	p.chosen = max(0, min(p.chosen, len(p.found)-1))
	return nil
}

func (p *commandPopup) Press(k tea.KeyPressMsg) kit.Outcome {
	if to, ok := kit.MoveChoice(k, p.chosen, len(p.found)); ok {
		p.chosen = to
		return kit.Handled(nil)
	}
	switch {
	case k.String() == "esc":
		p.popup = nil
		return kit.Handled(nil)
	case len(p.found) == 0:
		return kit.Ignored()
	case kit.Matches(k, p.look.Keys.Complete):
		p.complete()
		return kit.Handled(nil)
	case kit.Matches(k, p.look.Keys.Send):
		if p.Enter() != "run" {
			p.complete()
			return kit.Handled(nil)
		}
		p.clearText()
		return p.found[p.chosen].Item.Run("")
	}
	return kit.Ignored()
}

// Enter runs a command, unless it needs arguments.
func (p *commandPopup) Enter() string {
	switch {
	case len(p.found) == 0:
		return ""
	case p.found[p.chosen].Item.Args != "" && !strings.HasPrefix(p.found[p.chosen].Item.Args, "["):
		return "insert"
	}
	return "run"
}

func (p *commandPopup) complete() {
	c := p.found[p.chosen].Item
	text := "/" + c.Name
	if c.Args != "" {
		text += " "
	}
	p.replaceWord(text)
}

func (p *commandPopup) View(width, height int) []string {
	if len(p.found) == 0 {
		return []string{p.look.Theme.Muted.Render("no command matches")}
	}
	names := 0
	for _, f := range p.found {
		c := f.Item
		names = max(names, kit.Width(c.Name)+1+kit.Width(c.Args)+min(1, len(c.Args)))
	}
	return kit.ListPopup(p.look, p.chosen, len(p.found), height, func(i int) string {
		c := p.found[i].Item
		mark, style := p.look.Theme.Row(i == p.chosen)
		name := style.Render("/") + kit.Highlight(c.Name, p.found[i].Marks, p.look.Theme.Match.Render, style.Render)
		if c.Args != "" {
			name += " " + p.look.Theme.Muted.Render(c.Args)
		}
		return kit.Truncate(mark+kit.Pad(name, names)+"  "+p.look.Theme.Muted.Render(c.Help), width)
	})
}
