package tui

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

const (
	// colouredAbove is how many lines above those that are shown are looked at to
	// colour them: a comment or a text may begin there.
	colouredAbove = 200
	// ghostLines is how many lines of a suggestion are shown at least, where there is
	// room.
	ghostLines = 5
)

// coloured are lines of a text in colours, for one text and theme.
type coloured struct {
	text     string
	theme    *Theme
	from, to int // rows
	lines    []string
}

func (m *codeMode) resize(width, height int) {
	m.width, m.height = width, height
	m.list.resize(width, height)
	if m.file == nil {
		return
	}
	extra := min(strings.Count(m.ghost, "\n"), ghostLines, height/2)
	m.text.scroll(max(1, height-extra))
	_, x := m.text.place()
	room := max(1, width-m.gutter()-1)
	m.left = max(0, min(m.left, x))
	m.left = max(m.left, x-room+1)
	m.colour()
}

// gutter is how wide the line numbers are, with the space around them.
func (m *codeMode) gutter() int { return len(strconv.Itoa(len(m.text.rows()))) + 3 }

// colour draws the lines that are shown in the colours of their language, unless
// they are.
func (m *codeMode) colour() {
	rows := m.text.rows()
	from := max(0, m.text.top-colouredAbove)
	to := min(len(rows), m.text.top+m.height)
	c := &m.colours
	if c.text == m.text.text && c.theme == m.look.Theme && c.from == from && c.to == to {
		return
	}
	part := m.text.text[rows[from].from:rows[to-1].to]
	*c = coloured{m.text.text, m.look.Theme, from, to, m.look.Theme.markdown.Highlight(part, m.file.name)}
}

// line is a row in colours.
func (m *codeMode) line(row int) string {
	if i := row - m.colours.from; i >= 0 && i < len(m.colours.lines) {
		return m.colours.lines[i]
	}
	return ""
}

func (m *codeMode) view() ([]string, *tea.Cursor) {
	if m.picking || m.file == nil {
		return m.list.view()
	}
	gutter := m.gutter()
	row, x := m.text.place()
	rows := m.text.rows()
	ghost := m.drawnGhost()
	var lines []string
	draw := func(number, line string) {
		lines = append(lines, number+cut(ansi.TruncateLeft(line, m.left, ""), m.width-gutter))
	}
	y := 0
	for i := m.text.top; i < len(rows) && len(lines) < m.height; i++ {
		style := m.look.Theme.muted
		if i == row {
			style = m.look.Theme.accent
			y = len(lines)
		}
		number := style.Render(fmt.Sprintf(" %*d", gutter-3, i+1)) + "  "
		line := m.line(i)
		if i != row || len(ghost) == 0 {
			draw(number, line)
			continue
		}
		// What is suggested stands between what is before the cursor and what is after.
		width := cells(line)
		if width < x { // spaces at the end are not coloured
			line += strings.Repeat(" ", x-width)
			width = x
		}
		before, after := ansi.Cut(line, 0, x), ansi.Cut(line, x, width)
		for j, part := range ghost {
			if j == 0 {
				part = before + part
			}
			if j == len(ghost)-1 {
				part += after
			}
			if j > 0 {
				number = strings.Repeat(" ", gutter)
			}
			draw(number, part)
		}
	}
	return lines[:min(len(lines), m.height)], tea.NewCursor(min(m.width-1, gutter+x-m.left), y)
}

// drawnGhost are the lines of what is suggested.
func (m *codeMode) drawnGhost() []string {
	if m.ghost == "" {
		return nil
	}
	text := strings.ReplaceAll(term.Clean(m.ghost), "\t", strings.Repeat(" ", tabCells))
	return styled(m.look.Theme.muted.Italic(true), strings.Split(text, "\n"))
}

// foot says what the last suggestion took, and the keys.
func (m *codeMode) foot() foot {
	f := foot{hints: m.bindings()}
	if m.picking {
		f.left = units.Plural(len(m.paths), "file")
		if m.more {
			f.left = "the first " + f.left
		}
		return f
	}
	if m.ghost == "" {
		f.hints = hints(m.keys.save, m.keys.open, m.look.Keys.Commands)
	}
	switch {
	case m.session == nil && m.model != nil && m.model.state == failed:
		f.left, _ = Explain(m.model.err)
	case m.session == nil:
		f.left = "no suggestions yet"
	case m.about.Cached:
		f.left = "known already"
	case m.about.Took > 0:
		f.left = units.Plural(m.about.Evaluated, "new token") + " read · " + units.Precise(m.about.Took)
	}
	return f
}
