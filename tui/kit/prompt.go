package kit

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A Prompt asks for one line: a name, a path.
type Prompt struct {
	look *Look
	Editor
	heading, question string
	verb              string                    // for enter
	Done              func(text string) Outcome // handles the answer; the prompt stays open unless the outcome closes it
	complete          Completer                 // nil: tab does nothing
	candidates        []string                  // for the completion

	width, height int
}

// A Completer completes a text as far as it is clear, and returns what it can be. It is called
// in a command.
type Completer func(text string) (completed string, candidates []string)

// completed is the result of a Completer.
type completed struct {
	of           *Prompt
	before, text string
	candidates   []string
}

// PromptFailed reports that an answer led to an error. The prompt is shown again with the answer.
type PromptFailed struct {
	Prompt *Prompt
	Err    error
}

// NewPrompt returns a prompt with text as the initial answer. done handles the answer, see
// [Prompt.Done].
func NewPrompt(look *Look, heading, question, text, verb string, done func(string) Outcome) *Prompt {
	p := &Prompt{look: look, heading: heading, question: question, verb: verb, Done: done}
	p.SingleLine = true
	p.SetText(text)
	p.ClearUndo()
	return p
}

func (p *Prompt) Title() string { return p.heading }
func (p *Prompt) Note() string  { return "" }
func (p *Prompt) Init() tea.Cmd { return nil }
func (p *Prompt) Scroll(int)    {}
func (p *Prompt) Bindings() []Hint {
	list := []Hint{{Binding: p.look.Keys.Choose, Words: p.verb}, {Binding: p.look.Keys.Back}}
	if p.complete != nil {
		list = slices.Insert(list, 1, Hint{Binding: p.look.Keys.Complete})
	}
	return list
}

// Completing sets what completes the text with tab.
func (p *Prompt) Completing(c Completer) *Prompt {
	p.complete = c
	return p
}

func (p *Prompt) Update(msg tea.Msg) tea.Cmd {
	if msg, ok := msg.(completed); ok && msg.of == p && msg.before == p.Text {
		p.SetText(msg.text)
		if p.candidates = msg.candidates; len(p.candidates) == 1 {
			p.candidates = nil
		}
	}
	return nil
}
func (p *Prompt) Footer() Footer { return Footer{Hints: p.Bindings()} }

func (p *Prompt) Resize(width, height int) {
	p.width, p.height = width, height
	_, columns := Column(width)
	p.Editor.Width = columns - 2
	p.ScrollTo(p.rows())
}

// maxPromptRows is how many rows of a long answer are shown, if there is room.
const maxPromptRows = 3

func (p *Prompt) rows() int { return max(1, min(maxPromptRows, p.height-len(p.above()))) }

func (p *Prompt) Press(k tea.KeyPressMsg) Outcome {
	switch {
	case Matches(k, p.look.Keys.Choose):
		return p.Answer(p.Text)
	case Matches(k, p.look.Keys.Back):
		return Close(nil)
	case p.complete != nil && Matches(k, p.look.Keys.Complete):
		complete, before := p.complete, p.Text
		return Handled(func() tea.Msg {
			text, candidates := complete(before)
			return completed{p, before, text, candidates}
		})
	case p.Editor.Press(KeyOf(k), p.look.Keys):
		p.candidates = nil
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
	left, columns := Column(p.width)
	lines := Indent(p.above(), left)
	above := len(lines)
	text, x, y := p.Editor.View(p.rows())
	for i := range text {
		text[i] = p.look.Theme.Accent.Render("▍") + " " + text[i]
	}
	text = p.look.MarkMore(Indent(text, left-2), p.width, p.Top > 0, p.Top+len(text) < len(p.Rows()))
	lines = append(lines, text...)
	if len(p.candidates) > 0 {
		names := make([]string, len(p.candidates))
		for i, c := range p.candidates {
			names[i] = OneLine(c)
		}
		list := Wrap(strings.Join(names, "   "), columns-2)
		if most := max(0, p.height-len(lines)-1); len(list) > most {
			list = append(list[:max(0, most-1)], fmt.Sprintf("%d in all", len(p.candidates)))
		}
		lines = append(append(lines, ""), Indent(StyleLines(p.look.Theme.Muted, list), left)...)
	}
	y += above
	return lines[:min(len(lines), max(y+1, p.height))], tea.NewCursor(left+x, y)
}

// Question implements [Asker].
func (p *Prompt) Question() (question, answer string) { return p.question, p.Text }

// Answer implements [Asker].
func (p *Prompt) Answer(text string) Outcome {
	p.SetText(text)
	o := p.Done(p.Text)
	o.Handled = true
	return o
}
