package code

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/tui/kit"
)

func (m *Mode) Press(k tea.KeyPressMsg) kit.Outcome {
	switch {
	case m.picking:
		return m.pressList(k)
	case m.ghost != "" && kit.Matches(k, m.keys.all):
		return kit.Handled(m.accept(m.ghost))
	case m.ghost != "" && kit.Matches(k, m.keys.word):
		return kit.Handled(m.accept(firstWord(m.ghost)))
	case m.ghost != "" && kit.Matches(k, m.keys.line):
		return kit.Handled(m.accept(firstLine(m.ghost)))
	case m.ghost != "" && kit.Matches(k, m.keys.reject):
		m.clearSuggestion()
		return kit.Handled(nil)
	case kit.Matches(k, m.keys.another):
		return kit.Handled(m.another())
	case kit.Matches(k, m.keys.save):
		return kit.Handled(m.save())
	case kit.Matches(k, m.keys.open):
		return kit.Handled(m.pick())
	}
	return m.write(k)
}

// pressList handles a key in the list of files.
func (m *Mode) pressList(k tea.KeyPressMsg) kit.Outcome {
	if kit.Matches(k, m.look.Keys.Commands, m.look.Keys.NewChat) {
		return kit.Ignored() // the list would take them for up and down
	}
	change := m.list.Press(k)
	if change.Filtered {
		m.find()
	}
	i, chosen := m.list.SelectedRow()
	switch {
	case change.Handled:
		return kit.Handled(nil)
	case kit.Matches(k, m.look.Keys.Choose) && chosen:
		return kit.Handled(m.openFile(m.found[i]))
	case kit.Matches(k, m.look.Keys.Back) && m.file != nil:
		m.picking = false
		return kit.Handled(nil)
	}
	return kit.Ignored()
}

// write handles a key in the editor.
func (m *Mode) write(k tea.KeyPressMsg) kit.Outcome {
	before, at := m.text.Text, m.text.Cursor
	switch k.String() {
	case "enter":
		m.text.Insert("\n" + m.indentation())
	case "tab":
		m.text.Type(m.indent())
	case "pgup":
		m.page(-1)
	case "pgdown":
		m.page(1)
	case "ctrl+home":
		m.text.MoveTo(0)
	case "ctrl+end":
		m.text.MoveTo(len(m.text.Text))
	default:
		if !m.text.Press(kit.KeyOf(k), m.look.Keys) {
			return kit.Ignored()
		}
	}
	switch {
	case m.text.Text != before:
		return kit.Handled(m.textChanged(before, at))
	case m.text.Cursor != at:
		m.clearSuggestion()
	}
	return kit.Handled(nil)
}

// page moves the cursor by a page.
func (m *Mode) page(by int) {
	rows := m.text.Rows()
	row, column := m.text.Position()
	row = max(0, min(row+by*max(1, m.height-2), len(rows)-1))
	m.text.MoveTo(m.text.Offset(rows[row], column))
}

// indentation returns the indentation of the cursor's line.
func (m *Mode) indentation() string {
	line := m.text.Text[m.text.LineStart(m.text.Cursor):m.text.Cursor]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// indent returns one step of indentation as the project wants it, else as the file uses it, a
// tab by default.
func (m *Mode) indent() string {
	if m.file.indent != "" {
		return m.file.indent
	}
	for line := range strings.Lines(m.text.Text) {
		switch n := len(line) - len(strings.TrimLeft(line, " ")); {
		case line[0] == '\t':
			return "\t"
		case n >= 2 && n < len(strings.TrimRight(line, "\r\n")):
			return strings.Repeat(" ", min(n, 8))
		}
	}
	return "\t"
}

func (m *Mode) Paste(text string) kit.Outcome {
	if m.picking {
		if m.list.Paste(text).Filtered {
			m.find()
		}
		return kit.Handled(nil)
	}
	before, at := m.text.Text, m.text.Cursor
	m.text.Insert(text)
	return kit.Handled(m.textChanged(before, at))
}

func (m *Mode) Click(x, y int) kit.Outcome {
	if m.picking {
		if i, ok := m.list.SelectedRow(); ok {
			if _, again := m.list.Click(y); again {
				return kit.Handled(m.openFile(m.found[i]))
			}
		}
		return kit.Handled(nil)
	}
	m.clearSuggestion()
	m.text.Click(x-m.gutter()+m.left, y)
	return kit.Handled(nil)
}

func (m *Mode) Scroll(lines int) {
	if m.picking {
		m.list.Select(m.list.Selected + lines)
		return
	}
	m.clearSuggestion()
	rows := m.text.Rows()
	row, column := m.text.Position()
	m.text.MoveTo(m.text.Offset(rows[max(0, min(row+lines, len(rows)-1))], column))
}

func (m *Mode) Bindings() []kit.Hint {
	if m.picking {
		list := []kit.Hint{{Binding: m.look.Keys.Choose, Words: "open"}}
		if m.file != nil {
			list = append(list, kit.Hint{Binding: m.look.Keys.Back, Words: ""})
		}
		return list
	}
	return append(kit.Hints(m.keys.all, m.keys.word, m.keys.line, m.keys.another, m.keys.reject), kit.Hints(m.keys.save, m.keys.open)...)
}
