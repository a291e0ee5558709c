package kit

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A List has a filter, rows of one line, and details of the selected row. Its owner sets the
// rows, applies the filter, and handles the keys that the list ignores.
type List struct {
	Look   *Look
	Filter Editor
	// FilterOnSlash starts the filter with /. Otherwise letters go to the filter at once.
	FilterOnSlash bool
	Filtering     bool
	Fixed         bool // no filter: the rows are few
	Loading       bool // the rows are not yet those of the filter

	Intro, Outro []string // above and below the rows
	Empty        []string // in place of rows: why the list is empty, and what to do
	AlignRight   []bool   // of each column
	// Detail draws the details of a row, at most a third of the space.
	Detail func(row, width int) []string

	Rows          []Row
	Selected      int // a row
	top           int // the first visible row
	scroll        int // the first visible line of a list that has only a text
	Width, height int
}

// A Row is one line of a list.
type Row struct {
	Group  string                 // shown above the first row of the group
	Cells  []string               // plain text; the last ones are cut first
	Marks  []Span                 // matches
	Dim    bool                   // not available, or not now
	Rest   func(width int) string // drawn after the cells; may be nil
	Spoken string                 // printed after the cells in the plain interface
}

// A ListChange is the effect of a key on a list.
type ListChange struct {
	Handled  bool
	Filtered bool // the filter changed
}

// SetRows sets the rows and keeps the selected index if possible.
func (l *List) SetRows(rows []Row) {
	l.Rows = rows
	l.Select(l.Selected)
}

// Select selects a row.
func (l *List) Select(i int) {
	l.Selected = max(0, min(i, len(l.Rows)-1))
}

// SelectedRow returns the selected row, false if the list is empty.
func (l *List) SelectedRow() (int, bool) { return l.Selected, l.Selected < len(l.Rows) }

// Typing reports whether letters go to the filter.
func (l *List) Typing() bool { return !l.Fixed && (!l.FilterOnSlash || l.Filtering) }

func (l *List) Press(k tea.KeyPressMsg) ListChange {
	page := max(1, l.height/2)
	if last := len(l.textLines()) - l.height; last > 0 {
		if scroll, ok := ScrollKey(k, l.scroll, page, last); ok {
			l.scroll = scroll
			return ListChange{Handled: true}
		}
	}
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
		if l.FilterOnSlash && !l.Filtering && !l.Fixed {
			l.Filtering = true
			return ListChange{Handled: true}
		}
		return l.typeFilter(k)
	default:
		return l.typeFilter(k)
	}
	return ListChange{Handled: true}
}

// typeFilter passes a key to the filter.
func (l *List) typeFilter(k tea.KeyPressMsg) ListChange {
	if !l.Typing() {
		return ListChange{}
	}
	before := l.Filter.Text
	if !l.Filter.Press(KeyOf(k), l.Look.Keys) {
		return ListChange{}
	}
	return l.filtered(before)
}

func (l *List) filtered(before string) ListChange {
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
	return l.filtered(before)
}

// Resize also scrolls to the selected row. Call it after each change.
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
	// Fill the space: show rows above rather than empty lines below.
	for l.top > 0 {
		l.top--
		if l.linesTo(len(l.Rows)-1) > space {
			l.top++
			break
		}
	}
}

// linesTo counts the lines from the first visible row to another, at most a few more than the
// height.
func (l *List) linesTo(last int) int {
	n := 0
	for i := l.top; i <= last && n <= l.height; i++ {
		n++
		if l.startsGroup(i) {
			n += 1 + min(1, i-l.top)
		}
	}
	return n
}

// startsGroup reports whether the group's name is shown above a row.
func (l *List) startsGroup(i int) bool {
	return l.Rows[i].Group != "" && (i == l.top || l.Rows[i-1].Group != l.Rows[i].Group)
}

// space returns the lines for rows.
func (l *List) space() int {
	return max(1, l.height-len(l.above())-len(l.below()))
}

// above returns the lines before the rows.
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
		text = l.Look.Theme.Placeholder.Render("type to filter")
	} else if len(l.Rows) == 0 && !l.Loading {
		text += "   " + l.Look.Theme.Warn.Render("no match")
	}
	return l.Look.Theme.Accent.Render("/ ") + text
}

// below returns the lines after the rows that leave room for some rows.
func (l *List) below() []string {
	lines := l.detailLines()
	free := l.height - len(l.above()) - min(len(l.Rows), max(5, l.height/2))
	if len(lines) > free {
		if free < 2 {
			return nil // only the separator
		}
		return l.cut(lines, free)
	}
	return lines
}

// cut returns the first lines, with a mark if there are more.
func (l *List) cut(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	_, width := Column(l.Width)
	lines = slices.Clone(lines[:most])
	lines[most-1] = Truncate(lines[most-1], width-2) + " …"
	return lines
}

// detailLines returns the details of the selected row and the outro.
func (l *List) detailLines() []string {
	_, width := Column(l.Width)
	var lines []string
	if i, ok := l.SelectedRow(); ok && l.Detail != nil {
		if d := l.Detail(i, width); len(d) > 0 {
			lines = append(append(lines, ""), l.cut(d, max(1, l.height/3))...)
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
	if text := l.textLines(); len(text) > l.height {
		top := min(l.scroll, len(text)-l.height)
		end := top + l.height
		return l.Look.MarkMore(Indent(text[top:end], left), l.Width, top > 0, end < len(text)), nil
	}
	lines := Indent(above, left)
	rows, more := l.drawRows(width)
	lines = append(lines, l.Look.MarkMore(Indent(rows, left-2), l.Width, l.top > 0, more)...)
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

// textLines returns the lines of a list that has only a text: it has no rows and cannot have any.
func (l *List) textLines() []string {
	if !l.Fixed || len(l.Rows) > 0 {
		return nil
	}
	return l.above()
}

// drawRows draws the visible rows, and reports whether more follow.
func (l *List) drawRows(width int) (lines []string, more bool) {
	if len(l.Rows) == 0 {
		for _, s := range l.Empty {
			for _, line := range Wrap(s, width) {
				lines = append(lines, "  "+l.Look.Theme.Muted.Render(line))
			}
		}
		return lines, false
	}
	space := l.space()
	widths := l.widths(width)
	for i := l.top; i < len(l.Rows); i++ {
		if len(lines) >= space {
			return lines[:space], true
		}
		if l.startsGroup(i) {
			if i > l.top {
				lines = append(lines, "")
			}
			lines = append(lines, "  "+l.Look.Theme.Muted.Render(Truncate(l.Rows[i].Group, width)))
		}
		lines = append(lines, l.draw(i, widths))
	}
	return lines[:min(len(lines), space)], len(lines) > space
}

// ColumnGap is the space between columns.
const ColumnGap = 2

// widths returns the widths of the columns. Earlier columns get their space first.
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

// Click selects the row at a line of the body. again reports a second click on it.
func (l *List) Click(y int) (chosen, again bool) {
	at := len(l.above())
	for i := l.top; i < len(l.Rows); i++ {
		if l.startsGroup(i) {
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
