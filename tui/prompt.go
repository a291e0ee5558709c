package tui

import (
	tea "charm.land/bubbletea/v2"
)

// A promptDialog asks for one line: a name, a path.
type promptDialog struct {
	look *Look
	editor
	heading, question string
	verb              string // what enter does
	done              func(text string) outcome

	width int
}

// newPrompt asks a question, with text as the answer to begin with. done says what
// follows from the answer.
func newPrompt(look *Look, heading, question, text, verb string, done func(string) outcome) *promptDialog {
	p := &promptDialog{look: look, heading: heading, question: question, verb: verb, done: done}
	p.single = true
	p.set(text)
	p.past = nil
	return p
}

func (p *promptDialog) title() string          { return p.heading }
func (p *promptDialog) note() string           { return "" }
func (p *promptDialog) begin() tea.Cmd         { return nil }
func (p *promptDialog) update(tea.Msg) tea.Cmd { return nil }
func (p *promptDialog) wheel(int)              {}
func (p *promptDialog) bindings() []hint {
	return []hint{{p.look.Keys.Choose, p.verb}, {p.look.Keys.Back, ""}}
}
func (p *promptDialog) foot() foot { return foot{hints: p.bindings()} }

func (p *promptDialog) resize(width, _ int) {
	p.width = width
	_, columns := column(width)
	p.editor.width = columns - 2
	p.scroll(1)
}

func (p *promptDialog) press(k tea.KeyPressMsg) outcome {
	switch {
	case is(k, p.look.Keys.Choose):
		o := p.done(p.text)
		o.handled, o.closes = true, true
		return o
	case is(k, p.look.Keys.Back):
		return answer(nil)
	case p.editor.press(keyOf(k), p.look.Keys):
		return took(nil)
	}
	return pass()
}

func (p *promptDialog) paste(text string) outcome {
	p.insert(text)
	return took(nil)
}

func (p *promptDialog) click(x, _ int) outcome {
	left, _ := column(p.width)
	p.editor.click(x-left, 0)
	return took(nil)
}

func (p *promptDialog) view() ([]string, *tea.Cursor) {
	left, columns := column(p.width)
	lines := append([]string{""}, wrapped(p.question, columns)...)
	text, x, _ := p.editor.view(1)
	lines = append(lines, "", p.look.Theme.accent.Render("▍")+" "+text[0])
	y := len(lines) - 1
	for i := range lines[:y] {
		lines[i] = "  " + lines[i]
	}
	return indented(lines, left-2), tea.NewCursor(left+x, y)
}
