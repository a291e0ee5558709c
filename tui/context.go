package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/units"
)

// contextDialog offers how much a model is to keep in view.
type contextDialog struct {
	list
	model *model
	sizes []int // tokens; 0: as far as memory goes
}

// contextChosen is how much of a conversation a model is to keep in view from now
// on.
type contextChosen struct {
	ref    string
	tokens int // 0: as far as memory goes
}

func newContextDialog(look *Look, m *model) *contextDialog {
	c := &contextDialog{list: list{look: look, letters: true}, model: m}
	c.intro = []string{"How much of a conversation the model keeps in view. More takes more memory, and the model is loaded again."}
	c.empty = []string{"The model has to be loaded before its context can be changed."}
	c.refresh()
	return c
}

// refresh offers what the model was trained for, in doublings.
func (c *contextDialog) refresh() {
	c.sizes = nil
	var rows []row
	offer := func(tokens int, name string) {
		about := ""
		if c.model.options.Context == tokens {
			about = "now"
			if tokens == 0 {
				about += fmt.Sprintf(": %s tokens", units.Count(c.model.info.ContextLength))
			}
			c.chosen = len(rows)
		}
		c.sizes = append(c.sizes, tokens)
		rows = append(rows, row{cells: []string{name, about}})
	}
	if c.model != nil && c.model.state == ready && c.model.info.ContextLength > 0 {
		offer(0, "as far as memory goes")
		most := max(c.model.info.ContextTrain, c.model.info.ContextLength)
		for tokens := 4096; tokens < most; tokens *= 2 {
			offer(tokens, units.Count(tokens)+" tokens")
		}
		offer(most, units.Count(most)+" tokens, all it was trained for")
	}
	c.show(rows)
}

func (c *contextDialog) title() string  { return "Context" }
func (c *contextDialog) begin() tea.Cmd { return nil }
func (c *contextDialog) bindings() []hint {
	return []hint{{c.look.Keys.Choose, "use it"}, {c.look.Keys.Back, ""}}
}
func (c *contextDialog) foot() foot { return foot{hints: c.bindings()} }

func (c *contextDialog) note() string {
	if c.model == nil {
		return ""
	}
	return c.model.name()
}

func (c *contextDialog) update(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(modelReady); ok {
		c.refresh()
	}
	return nil
}

func (c *contextDialog) press(k tea.KeyPressMsg) outcome {
	switch {
	case is(k, c.look.Keys.Back):
		return answer(nil)
	case is(k, c.look.Keys.Choose):
		return c.choice()
	case c.list.press(k).handled:
		return took(nil)
	}
	return pass()
}

func (c *contextDialog) choice() outcome {
	i, ok := c.row()
	if !ok {
		return took(nil)
	}
	return answer(contextChosen{c.model.ref, c.sizes[i]})
}

func (c *contextDialog) paste(string) outcome { return took(nil) }

func (c *contextDialog) click(_, y int) outcome {
	if _, again := c.list.click(y); again {
		return c.choice()
	}
	return took(nil)
}
