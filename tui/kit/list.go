package kit

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A List is the shape that every list has: a filter, rows of one line, something
// about the chosen row below them. Who has it sets rows, decides what the filter
// means, and handles the keys that the list passes.
type List struct {
	Look   *Look
	Filter Editor
	// FilterOnSlash says that letters are the caller's keys until / begins the filter.
	// Otherwise the filter takes them at once.
	FilterOnSlash bool
	Filtering     bool

	Intro, Outro []string // above and below the rows
	Empty        []string // in place of rows: why there are none, and how to get some
	AlignRight   []bool   // columns that are aligned at the right
	// Detail draws what is known about a row, at most a third of the space.
	Detail func(row, width int) []string

	Rows          []Row
	Selected      int // of rows
	top           int // the first row that is shown
	Width, height int
}

// A Row is one line of a list.
type Row struct {
	Group  string                 // stands above the first of the rows that have it
	Cells  []string               // plain text; those at the end give way first
	Marks  []Span                 // what matched in the first cell
	Dim    bool                   // it cannot be chosen, or not at this moment
	Rest   func(width int) string // what follows the cells, whatever the columns; may be nil
	Spoken string                 // what follows them where rows are told, as often as it changes
}

// A ListChange is what a key did to a list.
type ListChange struct {
	Handled  bool
	Filtered bool // the filter is another
}

// SetRows sets the rows and keeps the choice where it is, as far as there are rows.
func (l *List) SetRows(rows []Row) {
	l.Rows = rows
	l.Select(l.Selected)
}

// Select makes a row the chosen one.
func (l *List) Select(i int) {
	l.Selected = max(0, min(i, len(l.Rows)-1))
}

// SelectedRow is the chosen row's place, false when there is none.
func (l *List) SelectedRow() (int, bool) { return l.Selected, l.Selected < len(l.Rows) }

// Typing reports whether letters go to the filter.
func (l *List) Typing() bool { return !l.FilterOnSlash || l.Filtering }

func (l *List) Press(k tea.KeyPressMsg) ListChange {
	page := max(1, l.height/2)
	switch k.String() {
	case "up", "ctrl+p":
		l.Select(l.Selected - 1)
	case "down", "ctrl+n":
		l.Select(l.Selected + 1)
	case "pgup":
		l.Select(l.Selected - page)
	case "pgdown":
		l.Select(l.Selected + page)
	case "home", "ctrl+home":
		l.Select(0)
	case "end", "ctrl+end":
		l.Select(len(l.Rows) - 1)
	case "esc":
		if l.Filter.Text == "" && !l.Filtering {
			return ListChange{}
		}
		l.Filtering = false
		l.Filter.Reset()
		l.Select(0)
		return ListChange{Handled: true, Filtered: true}
	case "/":
		if l.FilterOnSlash && !l.Filtering {
			l.Filtering = true
			return ListChange{Handled: true}
		}
		return l.write(k)
	default:
		return l.write(k)
	}
	return ListChange{Handled: true}
}

// write gives a key to the filter.
func (l *List) write(k tea.KeyPressMsg) ListChange {
	if !l.Typing() {
		return ListChange{}
	}
	before := l.Filter.Text
	if !l.Filter.Press(KeyOf(k), l.Look.Keys) {
		return ListChange{}
	}
	return l.wrote(before)
}

func (l *List) wrote(before string) ListChange {
	if l.Filter.Text == before {
		return ListChange{Handled: true}
	}
	l.Select(0)
	return ListChange{Handled: true, Filtered: true}
}

func (l *List) Paste(text string) ListChange {
	if !l.Typing() {
		return ListChange{}
	}
	before := l.Filter.Text
	l.Filter.Insert(text)
	return l.wrote(before)
}

// Resize also scrolls to the chosen row, so it is to be called after a change.
func (l *List) Resize(width, height int) {
	l.Width, l.height = width, height
	l.Filter.SingleLine = true
	_, columns := Column(width)
	l.Filter.Width = max(8, columns-2)
	l.Filter.ScrollTo(1)
	l.Select(l.Selected)
	l.top = max(0, min(l.top, l.Selected))
	space := l.space()
	for l.top < l.Selected && l.linesTo(l.Selected) > space {
		l.top++
	}
	// Rows above that fit are shown, rather than nothing below the last one.
	for l.top > 0 {
		l.top--
		if l.linesTo(len(l.Rows)-1) > space {
			l.top++
			break
		}
	}
}

// linesTo counts the lines from the first row that is shown to another, up to a
// few more than there are.
func (l *List) linesTo(last int) int {
	n := 0
	for i := l.top; i <= last && n <= l.height; i++ {
		n++
		if l.headed(i) {
			n += 1 + min(1, i-l.top)
		}
	}
	return n
}

// headed reports whether a group's name stands above a row.
func (l *List) headed(i int) bool {
	return l.Rows[i].Group != "" && (i == l.top || l.Rows[i-1].Group != l.Rows[i].Group)
}

// space is the lines there are for rows.
func (l *List) space() int {
	return max(1, l.height-len(l.above())-len(l.below()))
}

// above are the lines before the rows.
func (l *List) above() []string {
	_, width := Column(l.Width)
	lines := []string{""}
	for _, s := range l.Intro {
		lines = append(lines, Wrap(s, width)...)
	}
	if l.Typing() || l.Filter.Text != "" {
		lines = append(lines, l.filterLine())
	}
	if l.height < 16 {
		return lines[1:]
	}
	return append(lines, "")
}

func (l *List) filterLine() string {
	lines, _, _ := l.Filter.View(1)
	text := strings.Join(lines, "")
	if l.Filter.Text == "" {
		text = l.Look.Theme.Muted.Render("type to filter")
	}
	return l.Look.Theme.Accent.Render("/ ") + text
}

// below are the lines after the rows: as many as leave room for a few of those.
func (l *List) below() []string {
	lines := l.about()
	free := l.height - len(l.above()) - min(len(l.Rows), max(5, l.height/2))
	if len(lines) > free {
		lines = lines[:max(0, free)]
		if len(lines) == 1 {
			return nil // only the empty one
		}
	}
	return lines
}

// about are the lines that there should be after the rows.
func (l *List) about() []string {
	_, width := Column(l.Width)
	var lines []string
	if i, ok := l.SelectedRow(); ok && l.Detail != nil {
		if d := l.Detail(i, width); len(d) > 0 {
			lines = append(append(lines, ""), d[:min(len(d), max(1, l.height/3))]...)
		}
	}
	for i, s := range l.Outro {
		if i == 0 {
			lines = append(lines, "")
		}
		lines = append(lines, Wrap(s, width)...)
	}
	return lines
}

func (l *List) View() ([]string, *tea.Cursor) {
	left, width := Column(l.Width)
	above := l.above()
	lines := Indent(above, left)
	rows := l.drawRows(width)
	lines = append(lines, Indent(rows, left-2)...)
	lines = append(lines, Indent(l.below(), left)...)
	if !l.Typing() {
		return lines, nil
	}
	_, x, _ := l.Filter.View(1)
	y := len(above) - 1
	if l.height >= 16 {
		y--
	}
	return lines, tea.NewCursor(left+2+x, y)
}

func (l *List) drawRows(width int) []string {
	if len(l.Rows) == 0 {
		var lines []string
		for _, s := range l.Empty {
			for _, line := range Wrap(s, width) {
				lines = append(lines, "  "+l.Look.Theme.Muted.Render(line))
			}
		}
		return lines
	}
	space := l.space()
	widths := l.widths(width)
	var lines []string
	for i := l.top; i < len(l.Rows) && len(lines) < space; i++ {
		if l.headed(i) {
			if i > l.top {
				lines = append(lines, "")
			}
			lines = append(lines, "  "+l.Look.Theme.Muted.Render(Truncate(l.Rows[i].Group, width)))
		}
		lines = append(lines, l.draw(i, widths))
	}
	return lines[:min(len(lines), space)]
}

// ColumnGap is the columns of space between those of a list.
const ColumnGap = 2

// widths gives the shown rows' columns their widths: what they need as long as
// there is room, which the first takes before the others.
func (l *List) widths(width int) []int {
	var widths []int
	for _, r := range l.Rows[l.top:min(len(l.Rows), l.top+l.height)] {
		for c, text := range r.Cells {
			if c == len(widths) {
				widths = append(widths, 0)
			}
			widths[c] = max(widths[c], Width(text))
		}
	}
	for c := range widths {
		if c > 0 && widths[c] > 0 {
			width -= ColumnGap
		}
		widths[c] = max(0, min(widths[c], width))
		width -= widths[c]
	}
	return widths
}

// draw draws one row.
func (l *List) draw(i int, widths []int) string {
	r := l.Rows[i]
	_, columns := Column(l.Width)
	mark, style := l.Look.Theme.Row(i == l.Selected)
	if r.Dim && i != l.Selected {
		style = l.Look.Theme.Muted
	}
	var b strings.Builder
	b.WriteString(mark)
	for c, text := range r.Cells {
		if widths[c] == 0 {
			continue
		}
		if c > 0 {
			b.WriteString(strings.Repeat(" ", ColumnGap))
		}
		short := Truncate(text, widths[c])
		gap := strings.Repeat(" ", max(0, widths[c]-Width(short)))
		if c < len(l.AlignRight) && l.AlignRight[c] {
			b.WriteString(gap)
			gap = ""
		}
		switch {
		case c == 0 && len(r.Marks) > 0 && short == text:
			b.WriteString(Highlight(text, r.Marks, l.Look.Theme.Match.Render, style.Render))
		case c == 0 || r.Dim:
			b.WriteString(style.Render(short))
		default:
			b.WriteString(l.Look.Theme.Muted.Render(short))
		}
		b.WriteString(gap)
	}
	if r.Rest != nil {
		b.WriteString(strings.Repeat(" ", ColumnGap))
		b.WriteString(style.Render(r.Rest(columns + 2 - Width(b.String()))))
	}
	return strings.TrimRight(b.String(), " ")
}

// Click chooses the row at a line of the body; true when it was chosen before,
// which is a second click.
func (l *List) Click(y int) (chosen, again bool) {
	at := len(l.above())
	for i := l.top; i < len(l.Rows); i++ {
		if l.headed(i) {
			at += 1 + min(1, i-l.top)
		}
		if at == y {
			again = l.Selected == i
			l.Select(i)
			return true, again
		}
		if at > y {
			break
		}
		at++
	}
	return false, false
}

func (l *List) Scroll(lines int) { l.Select(l.Selected + lines) }

// AsList returns the list itself, for [Lister].
func (l *List) AsList() *List { return l }
