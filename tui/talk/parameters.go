package talk

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/kit"
)

// setup describes what the conversation has beside its messages: the system prompt and the
// parameters that are set.
func (c *Conversation) setup() string {
	var lines, set []string
	if c.system != "" {
		lines = append(lines, "system prompt: "+c.system)
	}
	for _, q := range c.parameters.List() {
		if q.Value != "" {
			set = append(set, q.Name+" "+kit.OneLine(q.Value))
		}
	}
	if len(set) > 0 {
		lines = append(lines, strings.Join(set, " · "))
	}
	return strings.Join(lines, "\n")
}

// showSetup shows the setup above the first turn.
func (c *Conversation) showSetup() {
	for i, t := range c.transcript.turns {
		setup := ""
		if i == 0 {
			setup = c.setup()
		}
		if t.setup != setup {
			t.setup = setup
			t.refresh()
		}
	}
}

// drawSetup draws a setup, a long one in part.
func drawSetup(th *kit.Theme, setup string, unfolded bool, width int) []string {
	const most = 4
	lines := kit.Wrap(setup, width)
	if n := len(lines); n > most && !unfolded {
		lines = append(lines[:most-2:most-2], "…", lines[n-1])
	}
	return kit.StyleLines(th.Muted, lines)
}

// systemCommand sets the system prompt. Without a text, it loads the command into the composer,
// to show and edit the system prompt.
func (c *Conversation) systemCommand(text string) kit.Outcome {
	switch text {
	case "":
		if c.system == "" {
			c.notify.Info("no system prompt: /system TEXT sets one")
			return kit.Handled(nil)
		}
		c.composer.SetText("/system " + c.system)
		return kit.Handled(nil)
	case "clear":
		text = ""
		c.notify.Info("system prompt cleared")
	default:
		c.notify.Info("system prompt: " + text)
	}
	c.system = text
	conversation := c.ensureSaved()
	c.history.Write(func(ctx context.Context, store *history.Store) error {
		return store.SetSystem(ctx, conversation.Load(), text)
	})
	return kit.Handled(nil)
}

// setCommand sets a parameter of the answers, such as "temperature 0.2". Without arguments, it
// lists all.
func (c *Conversation) setCommand(args string) kit.Outcome {
	name, value, _ := strings.Cut(strings.Replace(args, "=", " ", 1), " ")
	if value = strings.TrimSpace(value); value == "" {
		return kit.Open(newParametersDialog(c, name))
	}
	c.setParameter(name, value)
	return kit.Handled(nil)
}

// setParameter sets a parameter, saves it and reports it. It returns false if it is invalid.
func (c *Conversation) setParameter(name, value string) bool {
	effort := c.parameters.ReasoningEffort
	if err := c.parameters.Set(name, value); err != nil {
		c.notify.Error(err)
		return false
	}
	if value == engine.ParameterDefault {
		c.notify.Info(name + " is the default again")
	} else {
		note := fmt.Sprintf("%s is %s in this conversation", name, value)
		if e := c.parameters.ReasoningEffort; e != effort && c.model != nil && c.model.Info.EffortNote(e) != "" {
			note += ". " + c.model.Info.EffortNote(e)
		}
		c.notify.Info(note)
	}
	conversation, p := c.ensureSaved(), c.parameters
	c.history.Write(func(ctx context.Context, store *history.Store) error {
		return store.SetParameters(ctx, conversation.Load(), p)
	})
	return true
}

// parametersDialog lists the parameters of a conversation's answers, and changes them.
type parametersDialog struct {
	kit.ListDialog
	of   *Conversation
	list []engine.Parameter
}

func newParametersDialog(c *Conversation, filter string) *parametersDialog {
	d := &parametersDialog{of: c}
	d.ListDialog = kit.ListDialog{
		List: kit.List{Look: c.look, Empty: []string{"No parameter matches."}}, Heading: "Parameters of this conversation",
		Choose: func(row int) kit.Outcome { return d.change(d.list[row]) }, Refill: d.fill,
		Hints: func() []kit.Hint {
			return []kit.Hint{{Binding: c.look.Keys.Choose, Words: "change"}, {Binding: c.look.Keys.Delete, Words: "default"}, {Binding: c.look.Keys.Back}}
		},
	}
	d.Detail = func(i, width int) []string { return kit.Wrap(kit.Sentence(d.list[i].Help), width) }
	d.Filter.SetText(filter)
	d.fill()
	return d
}

func (d *parametersDialog) fill() tea.Cmd {
	d.list = nil
	var rows []kit.Row
	own := d.of.parameters.List()
	standard := engine.Parameters{Sampling: d.of.sampling, ReasoningEffort: d.of.effort}
	for i, q := range standard.List() {
		if !strings.Contains(q.Name, strings.ToLower(d.Filter.Text)) {
			continue
		}
		value := "default"
		switch {
		case own[i].Value != "":
			value = own[i].Value
		case q.Value != "":
			value = q.Value + " (config.toml)"
		}
		d.list = append(d.list, own[i])
		rows = append(rows, kit.Row{Cells: []string{q.Name, kit.OneLine(value)}})
	}
	d.SetRows(rows)
	return nil
}

func (d *parametersDialog) Update(tea.Msg) tea.Cmd { return d.fill() }

func (d *parametersDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	if i, ok := d.SelectedRow(); ok && kit.Matches(k, d.Look.Keys.Delete) {
		d.of.setParameter(d.list[i].Name, engine.ParameterDefault)
		return kit.Handled(d.fill())
	}
	return d.ListDialog.Press(k)
}

// change asks for the value of a parameter. An invalid one can be corrected.
func (d *parametersDialog) change(q engine.Parameter) kit.Outcome {
	question := fmt.Sprintf("%s: %s. The value default unsets it.", q.Name, q.Help)
	return kit.Open(kit.NewPrompt(d.Look, "Change "+q.Name, question, q.Value, "set", func(value string) kit.Outcome {
		if value = strings.TrimSpace(value); value == "" {
			value = engine.ParameterDefault
		}
		if !d.of.setParameter(q.Name, value) {
			return kit.Handled(nil)
		}
		d.fill()
		return kit.Close(nil)
	}))
}
