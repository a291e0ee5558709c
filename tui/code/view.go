package code

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

const (
	// highlightedAbove is how many lines above the visible ones are highlighted too, because a
	// comment or a string may start there.
	highlightedAbove = 200
	// minGhostLines is how many lines of a suggestion are visible at least, if there is room.
	minGhostLines = 5
)

// highlighted has highlighted lines, for one text and theme.
type highlighted struct {
	text     string
	theme    *kit.Theme
	from, to int // rows
	lines    []string
}

func (m *Mode) Resize(width, height int) {
	m.width, m.height = width, height
	m.list.Resize(width, height)
	if m.file == nil {
		return
	}
	extra := min(strings.Count(m.ghost, "\n"), minGhostLines, height/2)
	m.text.ScrollTo(max(1, height-extra))
	_, x := m.text.Position()
	room := max(1, width-m.gutter()-1)
	m.left = max(0, min(m.left, x-1))
	m.left = max(m.left, x-room+1)
	m.highlight()
}

// gutter returns the width of the line numbers with the space around them.
func (m *Mode) gutter() int { return len(strconv.Itoa(len(m.text.Rows()))) + 3 }

// highlight highlights the visible lines, unless they are.
func (m *Mode) highlight() {
	rows := m.text.Rows()
	from := max(0, m.text.Top-highlightedAbove)
	to := min(len(rows), m.text.Top+m.height)
	c := &m.highlighted
	if c.text == m.text.Text && c.theme == m.look.Theme && c.from == from && c.to == to {
		return
	}
	part := m.text.Text[rows[from].From:rows[to-1].To]
	*c = highlighted{m.text.Text, m.look.Theme, from, to, m.look.Theme.Markdown.Highlight(m.text.ExpandTabs(part), m.file.name)}
}

// line returns a highlighted row.
func (m *Mode) line(row int) string {
	if i := row - m.highlighted.from; i >= 0 && i < len(m.highlighted.lines) {
		return m.highlighted.lines[i]
	}
	return ""
}

func (m *Mode) View() ([]string, *tea.Cursor) {
	if m.picking || m.file == nil {
		return m.list.View()
	}
	gutter := m.gutter()
	row, x := m.text.Position()
	rows := m.text.Rows()
	ghost := m.drawGhost()
	var lines []string
	draw := func(number, line string) {
		if m.left > 0 { // the mark takes a cell
			line = ansi.TruncateLeft(line, m.left+1, "…")
		}
		lines = append(lines, number+kit.Truncate(line, m.width-gutter))
	}
	y := 0
	for i := m.text.Top; i < len(rows) && len(lines) < m.height; i++ {
		style := m.look.Theme.Muted
		if i == row {
			style = m.look.Theme.Accent
			y = len(lines)
		}
		number := style.Render(fmt.Sprintf(" %*d", gutter-3, i+1)) + "  "
		line := m.line(i)
		if i != row || len(ghost) == 0 {
			draw(number, line)
			continue
		}
		// The suggestion is between the text before and after the cursor.
		width := kit.Width(line)
		if width < x { // trailing spaces are not highlighted
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

// drawGhost returns the lines of the suggestion.
func (m *Mode) drawGhost() []string {
	if m.ghost == "" {
		return nil
	}
	// The first line goes on at the cursor, which may be between two tab stops.
	before := m.text.Text[m.text.LineStart(m.text.Cursor):m.text.Cursor]
	lines := strings.Split(m.text.ExpandTabs(before+term.Clean(m.ghost)), "\n")
	lines[0] = strings.TrimPrefix(lines[0], m.text.ExpandTabs(before))
	return kit.StyleLines(m.look.Theme.Muted.Italic(true), lines)
}

// Footer shows the cost of the last suggestion, and the keys.
func (m *Mode) Footer() kit.Footer {
	f := kit.Footer{Hints: m.Bindings()}
	if m.picking {
		f.Left = units.Plural(len(m.paths), "file")
		if m.more {
			f.Left = "the first " + f.Left
		}
		return f
	}
	if m.ghost == "" {
		f.Hints = kit.Hints(m.keys.save, m.keys.open, m.look.Keys.Commands)
	}
	switch {
	case m.session == nil && m.model != nil && m.model.State == engines.Failed:
		f.Left, _ = kit.Explain(m.model.Err)
	case m.session == nil:
		f.Left = "no suggestions yet"
	case m.Current.Cached, m.Current.Took > 0:
		f.Left = m.Current.Stats()
	}
	return f
}
