package models

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// contextDialog sets a model's context length.
type contextDialog struct {
	kit.ListDialog
	model *engines.Model
	sizes []int // tokens; 0: as many as memory allows
}

// ContextChosen asks to reload a model with a context length.
type ContextChosen struct {
	Ref    string
	Tokens int // 0: as many as memory allows
}

func NewContextDialog(look *kit.Look, m *engines.Model) *contextDialog {
	c := &contextDialog{model: m}
	c.ListDialog = kit.ListDialog{
		List: kit.List{Look: look, FilterOnSlash: true, Fixed: true}, Heading: "Context",
		Choose: func(row int) kit.Outcome { return kit.Close(ContextChosen{m.Ref, c.sizes[row]}) },
		Hints:  useHints(look),
	}
	c.Intro = []string{"The context length limits how much of the conversation the model sees. More needs more memory and reloads the model."}
	c.Empty = []string{"Load the model first: only then can its context length be changed."}
	c.refresh()
	return c
}

// refresh lists the sizes up to the trained context length, in doublings.
func (c *contextDialog) refresh() {
	c.sizes = nil
	var rows []kit.Row
	offer := func(tokens int, name string) {
		about := ""
		if c.model.Options.Context == tokens {
			about = "current"
			if tokens == 0 {
				about += fmt.Sprintf(": %s tokens", units.Count(c.model.Info.ContextLength))
			}
			c.Selected = len(rows)
		}
		c.sizes = append(c.sizes, tokens)
		rows = append(rows, kit.Row{Cells: []string{name, about}})
	}
	if c.model != nil && c.model.State == engines.Ready && c.model.Info.ContextLength > 0 {
		offer(0, "as many as memory allows")
		most := max(c.model.Info.ContextTrain, c.model.Info.ContextLength)
		for tokens := 4096; tokens < most; tokens *= 2 {
			offer(tokens, units.Count(tokens)+" tokens")
		}
		offer(most, units.Count(most)+" tokens, the trained maximum")
	}
	c.SetRows(rows)
}

// useHints returns the keys of a list owner rows can be used.
func useHints(look *kit.Look) func() []kit.Hint {
	return func() []kit.Hint {
		return []kit.Hint{{Binding: look.Keys.Choose, Words: "use"}, {Binding: look.Keys.Back, Words: ""}}
	}
}

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
