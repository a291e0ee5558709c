package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/past"
	"github.com/bise-sh/bise/units"
)

// Messages that ask for an action chosen in a command or a dialog.
type (
	modeChosen        struct{ name string }
	helpRequested     struct{}
	quitRequested     struct{}
	settingsRequested struct{}
	settingsChanged   struct{ to config.Interface }
	importRequested   struct {
		path   string
		prompt *kit.Prompt
	}
)

// globals returns the commands that work everywhere.
func (m *Model) globals() []kit.Command {
	list := []kit.Command{
		{Name: "help", Help: "list the keys", Run: func(string) kit.Outcome { return kit.Send(helpRequested{}) }},
		{Name: "conversations", Help: "list and search conversations", Run: func(string) kit.Outcome { return kit.Open(m.newConversationsDialog()) }},
		{Name: "import", Args: "[PATH]", Help: "import exported conversations", Run: m.importCommand},
		{Name: "settings", Help: "theme, mouse, keys", Run: func(string) kit.Outcome { return kit.Send(settingsRequested{}) }},
		{Name: "theme", Args: "NAME", Help: strings.Join(config.Themes, ", "), Run: m.themeCommand},
		{Name: "messages", Help: "list the last messages of bise", Run: func(string) kit.Outcome { return kit.Open(newMessagesDialog(m.look, m.notices)) }},
		{Name: "quit", Help: "quit bise; everything is saved", Run: func(string) kit.Outcome { return kit.Send(quitRequested{}) }},
	}
	for _, name := range modes[1:] {
		list = append(list, kit.Command{Name: name, Help: "switch to " + name, Run: func(string) kit.Outcome { return kit.Send(modeChosen{name}) }})
	}
	return list
}

func (m *Model) themeCommand(args string) kit.Outcome {
	name := strings.TrimSpace(args)
	if !slices.Contains(config.Themes, name) {
		m.notify.Warn("unknown theme: want " + strings.Join(config.Themes, ", "))
		return kit.Handled(nil)
	}
	s := m.look.Settings
	s.Theme = name
	return kit.Send(settingsChanged{s})
}

// importCommand imports the conversations of an exported file.
func (m *Model) importCommand(path string) kit.Outcome {
	home := m.terminal.Getenv("HOME")
	p := kit.NewPrompt(m.look, "Import conversations", "Path of a file that was exported as JSON.", path, "import", nil).Completing(func(path string) (string, []string) {
		return attach.CompletePath(m.folder, home, path)
	})
	p.Done = func(path string) kit.Outcome { return kit.Close(importRequested{path, p}) }
	if path == "" {
		return kit.Open(p)
	}
	return kit.Handled(past.Import(m.tasks, m.history, m.folder, home, path, p))
}

// reportImported reports the result of an import.
func (m *Model) reportImported(msg past.Imported) tea.Cmd {
	switch {
	case msg.Err != nil:
		return m.askAgain(msg.Prompt, msg.Err)
	case msg.Present > 0:
		m.notify.Info(fmt.Sprintf("imported %s; %d already exist", units.Plural(msg.Count, "conversation"), msg.Present))
	default:
		m.notify.Info("imported " + units.Plural(msg.Count, "conversation"))
	}
	return nil
}

// commandsDialog is the list of commands, for modes without a composer.
type commandsDialog struct {
	kit.ListDialog
	commands []kit.Command
	found    []kit.Command
}

func newCommandsDialog(look *kit.Look, commands []kit.Command) *commandsDialog {
	c := &commandsDialog{commands: commands}
	c.ListDialog = kit.ListDialog{
		List: kit.List{Look: look, Empty: []string{"No command matches."}}, Heading: "Commands", Refill: c.find,
		Hints: func() []kit.Hint {
			return []kit.Hint{{Binding: look.Keys.Choose, Words: "run"}, {Binding: look.Keys.Back, Words: ""}}
		},
		Choose: func(row int) kit.Outcome {
			o := c.found[row].Run("")
			o.Closes = true
			return o
		},
	}
	c.Detail = func(row, width int) []string { // where the rows have no room for it
		if help := c.found[row].Help; width < kit.WideColumns {
			return kit.Wrap(help, width)
		}
		return nil
	}
	c.find()
	return c
}

// find lists the commands whose names match the filter, then those whose help does.
func (c *commandsDialog) find() tea.Cmd {
	hits := kit.Filter(c.commands, c.Filter.Text, func(cmd kit.Command) string { return cmd.Name })
	named := len(hits)
	if len(c.Filter.Text) > 2 {
		for _, h := range kit.Filter(c.commands, c.Filter.Text, func(cmd kit.Command) string { return cmd.Help }) {
			if !slices.ContainsFunc(hits[:named], func(n kit.Found[kit.Command]) bool { return n.Item.Name == h.Item.Name }) {
				hits = append(hits, kit.Found[kit.Command]{Item: h.Item})
			}
		}
	}
	c.found = nil
	var rows []kit.Row
	for _, h := range hits {
		c.found = append(c.found, h.Item)
		rows = append(rows, kit.Row{Cells: []string{h.Item.Name, h.Item.Help}, Marks: h.Marks})
	}
	c.SetRows(rows)
	return nil
}
