package kit

import (
	"cmp"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
)

// A layout has the rows of a text in a width.
type layout struct {
	text       string
	width, tab int
	rows       []Span
}

// A Span is a part of a text, as byte offsets.
type Span struct{ From, To int }

// Rows returns the rows in the editor's width, at least one.
func (e *Editor) Rows() []Span {
	if e.layout.rows == nil || e.layout.width != e.Width || e.layout.tab != e.tab() || e.layout.text != e.Text {
		e.layout = layout{e.Text, e.Width, e.tab(), breakRows(e.Text, e.Width, e.tab())}
	}
	return e.layout.rows
}

// breakRows breaks a text at newlines, and long lines after a space if possible. The last
// column stays free for the cursor.
func breakRows(text string, width, tab int) []Span {
	width = max(1, width-1)
	var rows []Span
	for start := 0; ; {
		end := len(text)
		if n := strings.IndexByte(text[start:], '\n'); n >= 0 {
			end = start + n
		}
		rows = breakLine(rows, text, start, end, width, tab)
		if end == len(text) {
			return rows
		}
		start = end + 1
	}
}

func breakLine(rows []Span, text string, start, end, width, tab int) []Span {
	used, space, usedAtSpace := 0, start, 0
	for i := start; i < end; {
		c := cluster(text[i:end])
		w := clusterCells(c, used, tab)
		if used+w > width && i > start {
			to := i
			if space > start {
				to = space
			}
			rows = append(rows, Span{start, to})
			used -= usedAtSpace
			if to == i {
				used = 0
			}
			start, space, usedAtSpace = to, to, 0
			continue
		}
		used += w
		i += len(c)
		if c == " " || c == "\t" {
			space, usedAtSpace = i, used
		}
	}
	return append(rows, Span{start, end})
}

// tab returns the distance of tab stops.
func (e *Editor) tab() int { return cmp.Or(e.Tab, 4) }

// clusterCells returns the width of a character at a column.
func clusterCells(c string, column, tab int) int {
	if c == "\t" {
		return tab - column%tab
	}
	return ansi.StringWidth(c)
}

// Position returns the cursor's row and column.
func (e *Editor) Position() (row, column int) {
	rows := e.Rows()
	for row = len(rows) - 1; row > 0 && rows[row].From > e.Cursor; row-- {
	}
	return row, ansi.StringWidth(e.ExpandTabs(e.Text[rows[row].From:e.Cursor]))
}

// ExpandTabs replaces the tabs in plain text by spaces up to the next tab stop.
func (e *Editor) ExpandTabs(s string) string {
	if !strings.Contains(s, "\t") {
		return s
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		column := 0
		for i, part := range strings.Split(line, "\t") {
			if i > 0 {
				n := e.tab() - column%e.tab()
				b.WriteString(strings.Repeat(" ", n))
				column += n
			}
			b.WriteString(part)
			column += ansi.StringWidth(part)
		}
	}
	return b.String()
}

// Offset returns the position in a row nearest to a column.
func (e *Editor) Offset(row Span, column int) int {
	i := row.From
	for used := 0; i < row.To; {
		c := cluster(e.Text[i:row.To])
		used += clusterCells(c, used, e.tab())
		if used > column {
			break
		}
		i += len(c)
	}
	if i == row.To && i > row.From && i < len(e.Text) && e.Text[i] != '\n' {
		i = e.left(i) // the end of a wrapped row is the start of the next
	}
	return i
}

// ScrollTo scrolls so that the cursor is visible within height rows.
func (e *Editor) ScrollTo(height int) {
	row, _ := e.Position()
	e.Top = max(0, min(e.Top, row, len(e.Rows())-height))
	e.Top = max(e.Top, row-height+1)
}

// View draws up to height rows, and returns the cursor's position in them.
func (e *Editor) View(height int) (lines []string, x, y int) {
	rows := e.Rows()
	row, x := e.Position()
	for i := e.Top; i < min(len(rows), e.Top+height); i++ {
		line := e.ExpandTabs(e.Text[rows[i].From:rows[i].To])
		if i+1 < len(rows) && rows[i+1].From == rows[i].To {
			if strings.HasSuffix(line, " ") {
				line += term.WrappedAtSpace
			} else {
				line += term.WrappedInWord
			}
		}
		lines = append(lines, line)
	}
	return lines, x, row - e.Top
}

// Click moves the cursor to a cell of what View drew.
func (e *Editor) Click(x, y int) {
	rows := e.Rows()
	e.MoveTo(e.Offset(rows[max(0, min(e.Top+y, len(rows)-1))], x))
}
