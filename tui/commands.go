package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/talk"
	"github.com/bise-sh/bise/units"
)

// Messages that ask the root, or the current mode, to do something that was
// decided in a command or a dialog.
type (
	modeChosen      struct{ name string }
	helpAsked       struct{}
	quitAsked       struct{}
	settingsAsked   struct{}
	settingsChanged struct{ to config.Interface }
)

// globals are the commands that work everywhere.
func (m *Model) globals() []kit.Command {
	list := []kit.Command{
		{Name: "help", Help: "every key", Run: func(string) kit.Outcome { return kit.Send(helpAsked{}) }},
		{Name: "conversations", Help: "all conversations, and search in them", Run: func(string) kit.Outcome { return kit.Open(m.newConversationsDialog()) }},
		{Name: "import", Args: "PATH", Help: "take in conversations that were exported", Run: m.importCommand},
		{Name: "settings", Help: "theme, mouse, keys", Run: func(string) kit.Outcome { return kit.Send(settingsAsked{}) }},
		{Name: "theme", Args: "NAME", Help: strings.Join(config.Themes, ", "), Run: m.themeCommand},
		{Name: "quit", Help: "leave bise; nothing is lost", Run: func(string) kit.Outcome { return kit.Send(quitAsked{}) }},
	}
	for _, name := range modes[1:] {
		list = append(list, kit.Command{Name: name, Help: "go to " + name, Run: func(string) kit.Outcome { return kit.Send(modeChosen{name}) }})
	}
	return list
}

func (m *Model) themeCommand(args string) kit.Outcome {
	name := strings.TrimSpace(args)
	if !slices.Contains(config.Themes, name) {
		m.say().Say("themes are " + strings.Join(config.Themes, ", "))
		return kit.Handled(nil)
	}
	s := m.look.Settings
	s.Theme = name
	return kit.Send(settingsChanged{s})
}

// importCommand imports the conversations of an exported file.
func (m *Model) importCommand(path string) kit.Outcome {
	if path == "" {
		m.say().Say("/import needs a file: /import conversations.json")
		return kit.Handled(nil)
	}
	return kit.Handled(talk.Import(m.tasks, m.records, m.folder, path))
}

// sayImported shows the result of an import.
func (m *Model) sayImported(msg talk.Imported) {
	switch {
	case msg.Err != nil:
		m.say().Error(msg.Err)
	case msg.Present > 0:
		m.say().Say(fmt.Sprintf("imported %s; %d already exist", units.Plural(msg.Count, "conversation"), msg.Present))
	default:
		m.say().Say("imported " + units.Plural(msg.Count, "conversation"))
	}
}

// commandsDialog is the list of commands, for modes that have no composer at hand.
type commandsDialog struct {
	kit.List
	commands []kit.Command
	found    []kit.Command
}

func newCommandsDialog(look *kit.Look, commands []kit.Command) *commandsDialog {
	c := &commandsDialog{List: kit.List{Look: look, Empty: []string{"There is no such command."}}, commands: commands}
	c.find()
	return c
}

// find shows the commands that the filter matches.
func (c *commandsDialog) find() {
	type hit struct {
		kit.Command
		marks []kit.Span
		score int
	}
	var hits []hit
	for _, cmd := range c.commands {
		if score, marks, ok := kit.Match(c.Filter.Text, cmd.Name); ok {
			hits = append(hits, hit{cmd, marks, score})
		} else if _, _, ok := kit.Match(c.Filter.Text, cmd.Help); ok && len(c.Filter.Text) > 2 {
			hits = append(hits, hit{cmd, nil, -1000})
		}
	}
	kit.SortBy(hits, func(h hit) int { return -h.score })
	c.found = nil
	var rows []kit.Row
	for _, h := range hits {
		c.found = append(c.found, h.Command)
		rows = append(rows, kit.Row{Cells: []string{h.Name, h.Help}, Marks: h.marks})
	}
	c.SetRows(rows)
}

func (c *commandsDialog) Title() string          { return "Commands" }
func (c *commandsDialog) Note() string           { return "" }
func (c *commandsDialog) Init() tea.Cmd          { return nil }
func (c *commandsDialog) Update(tea.Msg) tea.Cmd { return nil }
func (c *commandsDialog) Bindings() []kit.Hint   { return kit.Hints(c.Look.Keys.Choose) }

func (c *commandsDialog) Footer() kit.Footer {
	return kit.Footer{Hints: []kit.Hint{{Binding: c.Look.Keys.Choose, Words: "do it"}, {Binding: c.Look.Keys.Back, Words: ""}}}
}

func (c *commandsDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	change := c.List.Press(k)
	if change.Filtered {
		c.find()
	}
	switch {
	case change.Handled:
		return kit.Handled(nil)
	case kit.Matches(k, c.Look.Keys.Choose):
		return c.do()
	case kit.Matches(k, c.Look.Keys.Back):
		return kit.Close(nil)
	}
	return kit.Ignored()
}

// do runs the chosen command and closes the dialog.
func (c *commandsDialog) do() kit.Outcome {
	i, ok := c.SelectedRow()
	if !ok {
		return kit.Handled(nil)
	}
	o := c.found[i].Run("")
	o.Closes = true
	return o
}

func (c *commandsDialog) Paste(text string) kit.Outcome {
	if c.List.Paste(text).Filtered {
		c.find()
	}
	return kit.Handled(nil)
}

func (c *commandsDialog) Click(_, y int) kit.Outcome {
	if _, again := c.List.Click(y); again {
		return c.do()
	}
	return kit.Handled(nil)
}
