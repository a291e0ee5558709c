package kit

import (
	"math"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
)

// A Selection is the text selected with the mouse, as a terminal would select it. The next key
// clears it.
type Selection struct {
	from, to point
	Begun    bool // the button is down
}

// A point is a cell of the frame.
type point struct{ x, y int }

func (s *Selection) Begin(at tea.Mouse) {
	p := point{at.X, at.Y}
	*s = Selection{from: p, to: p, Begun: at.Button == tea.MouseLeft}
}

func (s *Selection) Extend(at tea.Mouse) {
	if s.Begun {
		s.to = point{at.X, at.Y}
	}
}

func (s *Selection) Dragged() bool { return s.from != s.to }

// span returns the selected part of a row in cells; ok is false if there is none.
func (s *Selection) span(y int) (from, to int, ok bool) {
	a, b := s.from, s.to
	if b.y < a.y || b.y == a.y && b.x < a.x {
		a, b = b, a
	}
	from, to = 0, math.MaxInt
	if y == a.y {
		from = max(0, a.x)
	}
	if y == b.y {
		to = b.x + 1
	}
	return from, to, s.Dragged() && y >= a.y && y <= b.y
}

// Mark highlights the selection in the lines of a frame.
func (s *Selection) Mark(lines []string) {
	reverse := lipgloss.NewStyle().Reverse(true)
	for y, line := range lines {
		from, to, ok := s.span(y)
		width := ansi.StringWidth(line)
		if to = min(to, width); !ok || from >= to {
			continue
		}
		lines[y] = ansi.Cut(line, 0, from) + reverse.Render(ansi.Strip(ansi.Cut(line, from, to))) + ansi.Cut(line, to, width)
	}
}

// Text returns the selected text as it was before the layout: without margins, bars, labels and
// padding, and with the rows of a wrapped line joined.
func (s *Selection) Text(lines []string) string {
	var rows []selectedRow
	margin := math.MaxInt
	for y, line := range lines {
		from, to, ok := s.span(y)
		if !ok {
			continue
		}
		r := readRow(line, from, to)
		if n := len(rows); n > 0 {
			r.continues = rows[n-1].wrapped
		}
		if indent := len(r.text) - len(strings.TrimLeft(r.text, " ")); r.text != "" && r.continues == "" && (r.left == 0 || r.started) {
			margin = min(margin, r.left+indent)
		}
		rows = append(rows, r)
	}
	var text strings.Builder
	for i, r := range rows {
		switch {
		case r.continues != "":
			if !r.started {
				r.text = strings.TrimLeft(r.text, " │")
			}
			if r.continues == term.WrappedAtSpace {
				text.WriteByte(' ')
			}
		case i > 0:
			text.WriteByte('\n')
			fallthrough
		default:
			cut := max(0, min(margin-r.left, len(r.text)-len(strings.TrimLeft(r.text, " "))))
			r.text = r.text[cut:]
		}
		text.WriteString(r.text)
	}
	return strings.Trim(text.String(), "\n")
}

// A selectedRow is the selected text of a row.
type selectedRow struct {
	text      string
	left      int    // its first column
	started   bool   // decoration on its left is not part of it
	wrapped   string // the mark that its line continues in the next row, or ""
	continues string // that of the row before
}

// readRow returns the text between two columns of a row.
func readRow(line string, from, to int) selectedRow {
	var r selectedRow
	for _, mark := range []string{term.WrappedAtSpace, term.WrappedInWord} {
		if strings.Contains(line, mark) {
			r.wrapped = mark
		}
	}
	line, _, _ = strings.Cut(line, term.TextEnd)
	if before, _, ok := strings.Cut(line, term.TextStart); ok {
		from, r.started = max(from, ansi.StringWidth(before)), true
	}
	r.left = from
	r.text = strings.TrimRight(ansi.Strip(ansi.Cut(line, from, max(from, min(to, ansi.StringWidth(line))))), " ")
	return r
}
