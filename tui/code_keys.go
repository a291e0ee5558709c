package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

func (m *codeMode) press(k tea.KeyPressMsg) outcome {
	switch {
	case m.picking:
		return m.pressList(k)
	case m.ghost != "" && is(k, m.keys.all):
		return took(m.accept(m.ghost))
	case m.ghost != "" && is(k, m.keys.word):
		return took(m.accept(firstWord(m.ghost)))
	case m.ghost != "" && is(k, m.keys.line):
		return took(m.accept(firstLine(m.ghost)))
	case m.ghost != "" && is(k, m.keys.no):
		m.quiet()
		return took(nil)
	case is(k, m.keys.another):
		return took(m.another())
	case is(k, m.keys.save):
		return took(m.save())
	case is(k, m.keys.open):
		return took(m.pick())
	}
	return m.write(k)
}

// pressList takes a key in the list of files.
func (m *codeMode) pressList(k tea.KeyPressMsg) outcome {
	change := m.list.press(k)
	if change.filtered {
		m.find()
	}
	i, chosen := m.list.row()
	switch {
	case change.handled:
		return took(nil)
	case is(k, m.look.Keys.Choose) && chosen:
		return took(m.openFile(m.found[i]))
	case is(k, m.look.Keys.Back) && m.file != nil:
		m.picking = false
		return took(nil)
	}
	return pass()
}

// write gives a key to the text.
func (m *codeMode) write(k tea.KeyPressMsg) outcome {
	before, at := m.text.text, m.text.at
	switch k.String() {
	case "enter":
		m.text.insert("\n" + m.indentation())
	case "tab":
		m.text.typed(m.indent())
	case "pgup":
		m.page(-1)
	case "pgdown":
		m.page(1)
	case "ctrl+home":
		m.text.move(0)
	case "ctrl+end":
		m.text.move(len(m.text.text))
	default:
		if !m.text.press(keyOf(k), m.look.Keys) {
			return pass()
		}
	}
	switch {
	case m.text.text != before:
		return took(m.typed(before, at))
	case m.text.at != at:
		m.quiet()
	}
	return took(nil)
}

// page moves the cursor by what is shown.
func (m *codeMode) page(by int) {
	rows := m.text.rows()
	row, column := m.text.place()
	row = max(0, min(row+by*max(1, m.height-2), len(rows)-1))
	m.text.move(m.text.offset(rows[row], column))
}

// indentation is the space before the cursor's line.
func (m *codeMode) indentation() string {
	line := m.text.text[m.text.lineStart(m.text.at):m.text.at]
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}

// indent is one step of indentation, as the file has it: a tab, unless its lines
// begin with spaces.
func (m *codeMode) indent() string {
	for line := range strings.Lines(m.text.text) {
		switch n := len(line) - len(strings.TrimLeft(line, " ")); {
		case line[0] == '\t':
			return "\t"
		case n >= 2 && n < len(strings.TrimRight(line, "\r\n")):
			return strings.Repeat(" ", min(n, 8))
		}
	}
	return "\t"
}

func (m *codeMode) paste(text string) outcome {
	if m.picking {
		if m.list.paste(text).filtered {
			m.find()
		}
		return took(nil)
	}
	before, at := m.text.text, m.text.at
	m.text.insert(text)
	return took(m.typed(before, at))
}

func (m *codeMode) click(x, y int) outcome {
	if m.picking {
		if i, ok := m.list.row(); ok {
			if _, again := m.list.click(y); again {
				return took(m.openFile(m.found[i]))
			}
		}
		return took(nil)
	}
	m.quiet()
	m.text.click(x-m.gutter()+m.left, y)
	return took(nil)
}

func (m *codeMode) wheel(lines int) {
	if m.picking {
		m.list.choose(m.list.chosen + lines)
		return
	}
	m.quiet()
	rows := m.text.rows()
	row, column := m.text.place()
	m.text.move(m.text.offset(rows[max(0, min(row+lines, len(rows)-1))], column))
}

func (m *codeMode) bindings() []hint {
	if m.picking {
		list := []hint{{m.look.Keys.Choose, "open"}}
		if m.file != nil {
			list = append(list, hint{m.look.Keys.Back, ""})
		}
		return list
	}
	return append(hints(m.keys.all, m.keys.word, m.keys.line, m.keys.another, m.keys.no), hints(m.keys.save, m.keys.open)...)
}
