package talk

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
)

// commandPopup completes a command after a slash.
type commandPopup struct {
	*composer
	found  []kit.Command
	marks  [][]kit.Span
	chosen int
}

func newCommandPopup(c *composer) *commandPopup { return &commandPopup{composer: c} }

func (p *commandPopup) Typed(word string) tea.Cmd {
	p.found, p.marks = nil, nil
	type hit struct {
		kit.Command
		marks []kit.Span
		score int
	}
	var hits []hit
	for _, c := range p.commands() {
		if score, marks, ok := kit.Match(strings.TrimPrefix(word, "/"), c.Name); ok {
			hits = append(hits, hit{c, marks, score})
		}
	}
	kit.SortBy(hits, func(h hit) int { return -h.score })
	for _, h := range hits {
		p.found = append(p.found, h.Command)
		p.marks = append(p.marks, h.marks)
	}
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
		c := p.found[p.chosen]
		if c.Args != "" && !strings.HasPrefix(c.Args, "[") {
			p.complete()
			return kit.Handled(nil)
		}
		p.clearText()
		return c.Run("")
	}
	return kit.Ignored()
}

func (p *commandPopup) complete() {
	c := p.found[p.chosen]
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
	for _, c := range p.found {
		names = max(names, kit.Width(c.Name)+1+kit.Width(c.Args)+min(1, len(c.Args)))
	}
	var lines []string
	top := kit.FirstVisible(p.chosen, len(p.found), height)
	for i := top; i < min(len(p.found), top+height); i++ {
		c := p.found[i]
		style, mark := p.look.Theme.Text, "  "
		if i == p.chosen {
			style, mark = p.look.Theme.Selected, p.look.Theme.Accent.Render("❯ ")
		}
		name := style.Render("/") + kit.Highlight(c.Name, p.marks[i], func(s string) string { return p.look.Theme.Match.Render(s) }, func(s string) string { return style.Render(s) })
		if c.Args != "" {
			name += " " + p.look.Theme.Muted.Render(c.Args)
		}
		lines = append(lines, kit.Truncate(mark+kit.Pad(name, names)+"  "+p.look.Theme.Muted.Render(c.Help), width))
	}
	return lines
}
