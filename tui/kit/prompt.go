package kit

import (
	tea "charm.land/bubbletea/v2"
)

// A Prompt asks for one line: a name, a path.
type Prompt struct {
	look *Look
	Editor
	heading, question string
	verb              string // for enter
	done              func(text string) Outcome

	width int
}

// NewPrompt returns a prompt with text as the initial answer. done handles the answer.
func NewPrompt(look *Look, heading, question, text, verb string, done func(string) Outcome) *Prompt {
	p := &Prompt{look: look, heading: heading, question: question, verb: verb, done: done}
	p.SingleLine = true
	p.SetText(text)
	p.ClearUndo()
	return p
}

func (p *Prompt) Title() string          { return p.heading }
func (p *Prompt) Note() string           { return "" }
func (p *Prompt) Init() tea.Cmd          { return nil }
func (p *Prompt) Update(tea.Msg) tea.Cmd { return nil }
func (p *Prompt) Scroll(int)             {}
func (p *Prompt) Bindings() []Hint {
	return []Hint{{Binding: p.look.Keys.Choose, Words: p.verb}, {Binding: p.look.Keys.Back}}
}
func (p *Prompt) Footer() Footer { return Footer{Hints: p.Bindings()} }

func (p *Prompt) Resize(width, _ int) {
	p.width = width
	_, columns := Column(width)
	p.Editor.Width = columns - 2
	p.ScrollTo(maxPromptRows)
}

// maxPromptRows is how many rows of a long answer are shown.
const maxPromptRows = 3

func (p *Prompt) Press(k tea.KeyPressMsg) Outcome {
	switch {
	case Matches(k, p.look.Keys.Choose):
		return p.Answer(p.Text)
	case Matches(k, p.look.Keys.Back):
		return Close(nil)
	case p.Editor.Press(KeyOf(k), p.look.Keys):
		return Handled(nil)
	}
	return Ignored()
}

func (p *Prompt) Paste(text string) Outcome {
	p.Insert(text)
	return Handled(nil)
}

func (p *Prompt) Click(x, y int) Outcome {
	left, _ := Column(p.width)
	p.Editor.Click(x-left, max(0, y-len(p.above())))
	return Handled(nil)
}

// above returns the lines before the answer.
func (p *Prompt) above() []string {
	_, columns := Column(p.width)
	return append(append([]string{""}, Wrap(p.question, columns)...), "")
}

func (p *Prompt) View() ([]string, *tea.Cursor) {
	left, _ := Column(p.width)
	lines := Indent(p.above(), left)
	above := len(lines)
	text, x, y := p.Editor.View(maxPromptRows)
	for i := range text {
		text[i] = p.look.Theme.Accent.Render("▍") + " " + text[i]
	}
	text = p.look.MarkMore(Indent(text, left-2), p.width, p.Top > 0, p.Top+len(text) < len(p.Rows()))
	return append(lines, text...), tea.NewCursor(left+x, above+y)
}

// Question implements [Asker].
func (p *Prompt) Question() (question, answer string) { return p.question, p.Text }

// Answer implements [Asker]: it closes the prompt.
func (p *Prompt) Answer(text string) Outcome {
	p.SetText(text)
	o := p.done(p.Text)
	o.Handled, o.Closes = true, true
	return o
}
