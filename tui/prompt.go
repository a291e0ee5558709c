package tui

import (
	tea "charm.land/bubbletea/v2"
)

// A promptDialog asks for one line: a name, a path.
type promptDialog struct {
	*desk
	editor
	heading, question string
	verb              string // what enter does
	done              func(text string) tea.Msg

	width int
}

// newPrompt asks a question whose answer is at first the given text. done makes
// the dialog's answer of what was written.
func newPrompt(d *desk, heading, question, text, verb string, done func(string) tea.Msg) *promptDialog {
	p := &promptDialog{desk: d, heading: heading, question: question, verb: verb, done: done}
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
func (p *promptDialog) bindings() []hint       { return []hint{{p.keys.Choose, p.verb}, {p.keys.Back, ""}} }
func (p *promptDialog) foot() foot             { return foot{hints: p.bindings()} }

func (p *promptDialog) resize(width, _ int) {
	p.width = width
	_, columns := column(width)
	p.editor.width = columns - 2
	p.scroll(1)
}

func (p *promptDialog) press(k tea.KeyPressMsg) outcome {
	switch {
	case is(k, p.keys.Choose):
		return answer(p.done(p.text))
	case is(k, p.keys.Back):
		return answer(nil)
	case p.editor.press(k, p.keys):
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
	lines = append(lines, "", p.theme.accent.Render("▍")+" "+text[0])
	y := len(lines) - 1
	for i := range lines[:y] {
		lines[i] = "  " + lines[i]
	}
	return indented(lines, left-2), tea.NewCursor(left+x, y)
}
