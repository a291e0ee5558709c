package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A popup helps with a word that is being written. It lies above the composer.
type popup interface {
	// typed takes the word as it is by now.
	typed(word string) tea.Cmd
	// press takes the keys that choose; others go to the text.
	press(tea.KeyPressMsg) outcome
	view(width, height int) []string
}

// popupRows is the most that a popup has.
const popupRows = 8

// moved is where a key moves the choice among n; false when it does not.
func moved(k tea.KeyPressMsg, chosen, n int) (int, bool) {
	switch k.String() {
	case "up", "ctrl+p":
		chosen--
	case "down", "ctrl+n":
		chosen++
	default:
		return chosen, false
	}
	if n == 0 {
		return 0, true
	}
	return (chosen + n) % n, true
}

// window is the first of n that is shown so that the chosen one is, in a height.
func window(chosen, n, height int) int {
	return max(0, min(chosen-height/2, n-height))
}

// A command is something that a person can have done by its name.
type command struct {
	name string
	args string // what may follow the name; "" for nothing
	help string
	run  func(args string) outcome
}

// commandPopup offers the commands after a slash.
type commandPopup struct {
	*composer
	found  []command
	marks  [][]span
	chosen int
}

func newCommandPopup(c *composer) *commandPopup { return &commandPopup{composer: c} }

func (p *commandPopup) typed(word string) tea.Cmd {
	p.found, p.marks = nil, nil
	type hit struct {
		command
		marks []span
		score int
	}
	var hits []hit
	for _, c := range p.commands() {
		if score, marks, ok := match(strings.TrimPrefix(word, "/"), c.name); ok {
			hits = append(hits, hit{c, marks, score})
		}
	}
	sortBy(hits, func(h hit) int { return -h.score })
	for _, h := range hits {
		p.found = append(p.found, h.command)
		p.marks = append(p.marks, h.marks)
	}
	p.chosen = max(0, min(p.chosen, len(p.found)-1))
	return nil
}

func (p *commandPopup) press(k tea.KeyPressMsg) outcome {
	if to, ok := moved(k, p.chosen, len(p.found)); ok {
		p.chosen = to
		return took(nil)
	}
	switch {
	case k.String() == "esc":
		p.popup = nil
		return took(nil)
	case len(p.found) == 0:
		return pass()
	case is(k, p.look.Keys.Complete):
		p.complete()
		return took(nil)
	case is(k, p.look.Keys.Send):
		c := p.found[p.chosen]
		if c.args != "" && !strings.HasPrefix(c.args, "[") {
			p.complete()
			return took(nil)
		}
		p.clearText()
		return c.run("")
	}
	return pass()
}

func (p *commandPopup) complete() {
	c := p.found[p.chosen]
	text := "/" + c.name
	if c.args != "" {
		text += " "
	}
	p.replaceWord(text)
}

func (p *commandPopup) view(width, height int) []string {
	if len(p.found) == 0 {
		return []string{p.look.Theme.muted.Render("there is no such command")}
	}
	names := 0
	for _, c := range p.found {
		names = max(names, cells(c.name)+1+cells(c.args)+min(1, len(c.args)))
	}
	var lines []string
	top := window(p.chosen, len(p.found), height)
	for i := top; i < min(len(p.found), top+height); i++ {
		c := p.found[i]
		style, mark := p.look.Theme.text, "  "
		if i == p.chosen {
			style, mark = p.look.Theme.selected, p.look.Theme.accent.Render("❯ ")
		}
		name := style.Render("/") + marked(c.name, p.marks[i], func(s string) string { return p.look.Theme.hit.Render(s) }, func(s string) string { return style.Render(s) })
		if c.args != "" {
			name += " " + p.look.Theme.muted.Render(c.args)
		}
		lines = append(lines, cut(mark+padded(name, names)+"  "+p.look.Theme.muted.Render(c.help), width))
	}
	return lines
}
