package models

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// contextDialog offers how much a model is to keep in view.
type contextDialog struct {
	kit.List
	model *engines.Model
	sizes []int // tokens; 0: as far as memory goes
}

// ContextChosen is how much of a conversation a model is to keep in view from now
// on.
type ContextChosen struct {
	Ref    string
	Tokens int // 0: as far as memory goes
}

func NewContextDialog(look *kit.Look, m *engines.Model) *contextDialog {
	c := &contextDialog{List: kit.List{Look: look, FilterOnSlash: true}, model: m}
	c.Intro = []string{"How much of a conversation the model keeps in view. More takes more memory, and the model is loaded again."}
	c.Empty = []string{"The model has to be loaded before its context can be changed."}
	c.refresh()
	return c
}

// refresh offers what the model was trained for, in doublings.
func (c *contextDialog) refresh() {
	c.sizes = nil
	var rows []kit.Row
	offer := func(tokens int, name string) {
		about := ""
		if c.model.Options.Context == tokens {
			about = "now"
			if tokens == 0 {
				about += fmt.Sprintf(": %s tokens", units.Count(c.model.Info.ContextLength))
			}
			c.Selected = len(rows)
		}
		c.sizes = append(c.sizes, tokens)
		rows = append(rows, kit.Row{Cells: []string{name, about}})
	}
	if c.model != nil && c.model.State == engines.Ready && c.model.Info.ContextLength > 0 {
		offer(0, "as far as memory goes")
		most := max(c.model.Info.ContextTrain, c.model.Info.ContextLength)
		for tokens := 4096; tokens < most; tokens *= 2 {
			offer(tokens, units.Count(tokens)+" tokens")
		}
		offer(most, units.Count(most)+" tokens, all it was trained for")
	}
	c.SetRows(rows)
}

func (c *contextDialog) Title() string { return "Context" }
func (c *contextDialog) Init() tea.Cmd { return nil }
func (c *contextDialog) Bindings() []kit.Hint {
	return []kit.Hint{{Binding: c.Look.Keys.Choose, Words: "use it"}, {Binding: c.Look.Keys.Back, Words: ""}}
}
func (c *contextDialog) Footer() kit.Footer { return kit.Footer{Hints: c.Bindings()} }

func (c *contextDialog) Note() string {
	if c.model == nil {
		return ""
	}
	return c.model.Name()
}

func (c *contextDialog) Update(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(engines.ModelReady); ok {
		c.refresh()
	}
	return nil
}

func (c *contextDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	switch {
	case kit.Matches(k, c.Look.Keys.Back):
		return kit.Close(nil)
	case kit.Matches(k, c.Look.Keys.Choose):
		return c.choice()
	case c.List.Press(k).Handled:
		return kit.Handled(nil)
	}
	return kit.Ignored()
}

func (c *contextDialog) choice() kit.Outcome {
	i, ok := c.SelectedRow()
	if !ok {
		return kit.Handled(nil)
	}
	return kit.Close(ContextChosen{c.model.Ref, c.sizes[i]})
}

func (c *contextDialog) Paste(string) kit.Outcome { return kit.Handled(nil) }

func (c *contextDialog) Click(_, y int) kit.Outcome {
	if _, again := c.List.Click(y); again {
		return c.choice()
	}
	return kit.Handled(nil)
}
