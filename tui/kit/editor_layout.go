package kit

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
)

// A layout has the rows of a text in a width.
type layout struct {
	text  string
	width int
	rows  []Span
}

// A Span is a part of a text, as byte offsets.
type Span struct{ From, To int }

// Rows returns the rows in the editor's width, at least one.
func (e *Editor) Rows() []Span {
	if e.layout.rows == nil || e.layout.width != e.Width || e.layout.text != e.Text {
		e.layout = layout{e.Text, e.Width, breakRows(e.Text, e.Width)}
	}
	return e.layout.rows
}

// breakRows breaks a text at newlines, and long lines after a space if possible. The last
// column stays free for the cursor.
func breakRows(text string, width int) []Span {
	width = max(1, width-1)
	var rows []Span
	for start := 0; ; {
		end := len(text)
		if n := strings.IndexByte(text[start:], '\n'); n >= 0 {
			end = start + n
		}
		rows = breakLine(rows, text, start, end, width)
		if end == len(text) {
			return rows
		}
		start = end + 1
	}
}

func breakLine(rows []Span, text string, start, end, width int) []Span {
	used, space, usedAtSpace := 0, start, 0
	for i := start; i < end; {
		c := cluster(text[i:end])
		w := clusterCells(c)
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

// TabWidth is the width of a tab.
const TabWidth = 4

func clusterCells(c string) int {
	if c == "\t" {
		return TabWidth
	}
	return ansi.StringWidth(c)
}

// Position returns the cursor's row and column.
func (e *Editor) Position() (row, column int) {
	rows := e.Rows()
	for row = len(rows) - 1; row > 0 && rows[row].From > e.Cursor; row-- {
	}
	return row, drawnCells(e.Text[rows[row].From:e.Cursor])
}

// drawnCells returns the width of plain text with tabs.
func drawnCells(s string) int {
	return ansi.StringWidth(s) + strings.Count(s, "\t")*TabWidth
}

// Offset returns the position in a row nearest to a column.
func (e *Editor) Offset(row Span, column int) int {
	i := row.From
	for used := 0; i < row.To; {
		c := cluster(e.Text[i:row.To])
		used += clusterCells(c)
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
		line := strings.ReplaceAll(e.Text[rows[i].From:rows[i].To], "\t", strings.Repeat(" ", TabWidth))
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
