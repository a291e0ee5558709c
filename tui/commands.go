package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/units"
)

// sortBy sorts a list by a number, and leaves the order of equals.
func sortBy[T any](list []T, number func(T) int) {
	slices.SortStableFunc(list, func(a, b T) int { return number(a) - number(b) })
}

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
func (m *Model) globals() []command {
	list := []command{
		{name: "help", help: "every key", run: func(string) outcome { return tell(helpAsked{}) }},
		{name: "conversations", help: "all conversations, and search in them", run: func(string) outcome { return openDialog(m.newConversationsDialog()) }},
		{name: "import", args: "PATH", help: "take in conversations that were exported", run: m.importCommand},
		{name: "settings", help: "theme, mouse, keys", run: func(string) outcome { return tell(settingsAsked{}) }},
		{name: "theme", args: "NAME", help: strings.Join(config.Themes, ", "), run: m.themeCommand},
		{name: "quit", help: "leave bise; nothing is lost", run: func(string) outcome { return tell(quitAsked{}) }},
	}
	for _, name := range modes[1:] {
		list = append(list, command{name: name, help: "go to " + name, run: func(string) outcome { return tell(modeChosen{name}) }})
	}
	return list
}

func (m *Model) themeCommand(args string) outcome {
	name := strings.TrimSpace(args)
	if !slices.Contains(config.Themes, name) {
		m.say().Say("themes are " + strings.Join(config.Themes, ", "))
		return took(nil)
	}
	s := m.look.Settings
	s.Theme = name
	return tell(settingsChanged{s})
}

// importCommand imports the conversations of an exported file.
func (m *Model) importCommand(path string) outcome {
	if path == "" {
		m.say().Say("/import needs a file: /import conversations.json")
		return took(nil)
	}
	return took(importConversations(m.tasks, m.records, m.folder, path))
}

// sayImported shows the result of an import.
func (m *Model) sayImported(msg conversationsImported) {
	switch {
	case msg.err != nil:
		m.say().Error(msg.err)
	case msg.present > 0:
		m.say().Say(fmt.Sprintf("imported %s; %d already exist", units.Plural(msg.taken, "conversation"), msg.present))
	default:
		m.say().Say("imported " + units.Plural(msg.taken, "conversation"))
	}
}

// runLine carries out a line such as "/theme dark"; false when it is no command.
func runLine(line string, commands []command) (outcome, bool) {
	name, args, _ := strings.Cut(strings.TrimPrefix(line, "/"), " ")
	if !strings.HasPrefix(line, "/") {
		return pass(), false
	}
	for _, c := range commands {
		if c.name == name {
			return c.run(strings.TrimSpace(args)), true
		}
	}
	return pass(), false
}

// commandsDialog is the list of commands, for modes that have no composer at hand.
type commandsDialog struct {
	list
	commands []command
	found    []command
}

func newCommandsDialog(look *Look, commands []command) *commandsDialog {
	c := &commandsDialog{list: list{look: look, empty: []string{"There is no such command."}}, commands: commands}
	c.find()
	return c
}

// find shows the commands that the filter matches.
func (c *commandsDialog) find() {
	type hit struct {
		command
		marks []span
		score int
	}
	var hits []hit
	for _, cmd := range c.commands {
		if score, marks, ok := match(c.filter.text, cmd.name); ok {
			hits = append(hits, hit{cmd, marks, score})
		} else if _, _, ok := match(c.filter.text, cmd.help); ok && len(c.filter.text) > 2 {
			hits = append(hits, hit{cmd, nil, -1000})
		}
	}
	sortBy(hits, func(h hit) int { return -h.score })
	c.found = nil
	var rows []row
	for _, h := range hits {
		c.found = append(c.found, h.command)
		rows = append(rows, row{cells: []string{h.name, h.help}, marks: h.marks})
	}
	c.show(rows)
}

func (c *commandsDialog) title() string          { return "Commands" }
func (c *commandsDialog) note() string           { return "" }
func (c *commandsDialog) begin() tea.Cmd         { return nil }
func (c *commandsDialog) update(tea.Msg) tea.Cmd { return nil }
func (c *commandsDialog) bindings() []hint       { return hints(c.look.Keys.Choose) }

func (c *commandsDialog) foot() foot {
	return foot{hints: []hint{{c.look.Keys.Choose, "do it"}, {c.look.Keys.Back, ""}}}
}

func (c *commandsDialog) press(k tea.KeyPressMsg) outcome {
	change := c.list.press(k)
	if change.filtered {
		c.find()
	}
	switch {
	case change.handled:
		return took(nil)
	case is(k, c.look.Keys.Choose):
		return c.do()
	case is(k, c.look.Keys.Back):
		return answer(nil)
	}
	return pass()
}

// do runs the chosen command and closes the dialog.
func (c *commandsDialog) do() outcome {
	i, ok := c.row()
	if !ok {
		return took(nil)
	}
	o := c.found[i].run("")
	o.closes = true
	return o
}

func (c *commandsDialog) paste(text string) outcome {
	if c.list.paste(text).filtered {
		c.find()
	}
	return took(nil)
}

func (c *commandsDialog) click(_, y int) outcome {
	if _, again := c.list.click(y); again {
		return c.do()
	}
	return took(nil)
}
