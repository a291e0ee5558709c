package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A layout is how a text breaks into rows.
type layout struct {
	text  string
	width int
	rows  []span
}

// A span is a part of a text, as byte offsets.
type span struct{ from, to int }

// rows are the text's rows in the editor's width. There is always one.
func (e *editor) rows() []span {
	if e.laid.rows == nil || e.laid.width != e.width || e.laid.text != e.text {
		e.laid = layout{e.text, e.width, lay(e.text, e.width)}
	}
	return e.laid.rows
}

// lay breaks a text at its newlines, and lines that are too long after a space
// where there is one. The last column stays free for the cursor.
func lay(text string, width int) []span {
	width = max(1, width-1)
	var rows []span
	for start := 0; ; {
		end := len(text)
		if n := strings.IndexByte(text[start:], '\n'); n >= 0 {
			end = start + n
		}
		rows = layLine(rows, text, start, end, width)
		if end == len(text) {
			return rows
		}
		start = end + 1
	}
}

func layLine(rows []span, text string, start, end, width int) []span {
	used, space, usedAtSpace := 0, start, 0
	for i := start; i < end; {
		c := cluster(text[i:end])
		w := clusterCells(c)
		if used+w > width && i > start {
			to := i
			if space > start {
				to = space
			}
			rows = append(rows, span{start, to})
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
	return append(rows, span{start, end})
}

// tabCells is how wide a tab is drawn.
const tabCells = 4

func clusterCells(c string) int {
	if c == "\t" {
		return tabCells
	}
	return ansi.StringWidth(c)
}

// place is the cursor's row and column.
func (e *editor) place() (row, column int) {
	rows := e.rows()
	for row = len(rows) - 1; row > 0 && rows[row].from > e.at; row-- {
	}
	return row, drawnCells(e.text[rows[row].from:e.at])
}

// drawnCells is the width of unstyled text with tabs.
func drawnCells(s string) int {
	return ansi.StringWidth(s) + strings.Count(s, "\t")*tabCells
}

// offset is the place in a row that is nearest to a column from the left.
func (e *editor) offset(row span, column int) int {
	i := row.from
	for used := 0; i < row.to; {
		c := cluster(e.text[i:row.to])
		used += clusterCells(c)
		if used > column {
			break
		}
		i += len(c)
	}
	if i == row.to && i > row.from && i < len(e.text) && e.text[i] != '\n' {
		i = e.left(i) // the end of a row that goes on is the next one's beginning
	}
	return i
}

// scroll keeps the cursor within so many rows.
func (e *editor) scroll(height int) {
	row, _ := e.place()
	e.top = max(0, min(e.top, row, len(e.rows())-height))
	e.top = max(e.top, row-height+1)
}

// view draws up to height rows and tells where in them the cursor is.
func (e *editor) view(height int) (lines []string, x, y int) {
	rows := e.rows()
	row, x := e.place()
	for i := e.top; i < min(len(rows), e.top+height); i++ {
		lines = append(lines, strings.ReplaceAll(e.text[rows[i].from:rows[i].to], "\t", strings.Repeat(" ", tabCells)))
	}
	return lines, x, row - e.top
}

// click puts the cursor where somebody clicked, in cells of what view drew.
func (e *editor) click(x, y int) {
	rows := e.rows()
	e.move(e.offset(rows[max(0, min(e.top+y, len(rows)-1))], x))
}
