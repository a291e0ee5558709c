package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// A list is the shape that every list has: a filter, rows of one line, something
// about the chosen row below them. Who has it sets rows, decides what the filter
// means, and handles the keys that the list passes.
type list struct {
	look   *Look
	filter editor
	// letters says that letters are the caller's keys until / begins the filter.
	// Otherwise the filter takes them at once.
	letters   bool
	filtering bool

	intro, outro []string // above and below the rows
	empty        []string // in place of rows: why there are none, and how to get some
	right        []bool   // columns that are aligned at the right
	// detail draws what is known about a row, at most a third of the space.
	detail func(row, width int) []string

	rows          []row
	chosen        int // of rows
	top           int // the first row that is shown
	width, height int
}

// A row is one line of a list.
type row struct {
	group string                 // stands above the first of the rows that have it
	cells []string               // plain text; those at the end give way first
	marks []span                 // what matched in the first cell
	dim   bool                   // it cannot be chosen, or not at this moment
	rest  func(width int) string // what follows the cells, whatever the columns; may be nil
	said  string                 // what follows them where rows are told, as often as it changes
}

// A listChange is what a key did to a list.
type listChange struct {
	handled  bool
	filtered bool // the filter is another
}

// show sets the rows and keeps the choice where it is, as far as there are rows.
func (l *list) show(rows []row) {
	l.rows = rows
	l.choose(l.chosen)
}

// choose makes a row the chosen one.
func (l *list) choose(i int) {
	l.chosen = max(0, min(i, len(l.rows)-1))
}

// row is the chosen row's place, false when there is none.
func (l *list) row() (int, bool) { return l.chosen, l.chosen < len(l.rows) }

// typing reports whether letters go to the filter.
func (l *list) typing() bool { return !l.letters || l.filtering }

func (l *list) press(k tea.KeyPressMsg) listChange {
	page := max(1, l.height/2)
	switch k.String() {
	case "up", "ctrl+p":
		l.choose(l.chosen - 1)
	case "down", "ctrl+n":
		l.choose(l.chosen + 1)
	case "pgup":
		l.choose(l.chosen - page)
	case "pgdown":
		l.choose(l.chosen + page)
	case "home", "ctrl+home":
		l.choose(0)
	case "end", "ctrl+end":
		l.choose(len(l.rows) - 1)
	case "esc":
		if l.filter.text == "" && !l.filtering {
			return listChange{}
		}
		l.filtering = false
		l.filter.reset()
		l.choose(0)
		return listChange{handled: true, filtered: true}
	case "/":
		if l.letters && !l.filtering {
			l.filtering = true
			return listChange{handled: true}
		}
		return l.write(k)
	default:
		return l.write(k)
	}
	return listChange{handled: true}
}

// write gives a key to the filter.
func (l *list) write(k tea.KeyPressMsg) listChange {
	if !l.typing() {
		return listChange{}
	}
	before := l.filter.text
	if !l.filter.press(keyOf(k), l.look.Keys) {
		return listChange{}
	}
	return l.wrote(before)
}

func (l *list) wrote(before string) listChange {
	if l.filter.text == before {
		return listChange{handled: true}
	}
	l.choose(0)
	return listChange{handled: true, filtered: true}
}

func (l *list) paste(text string) listChange {
	if !l.typing() {
		return listChange{}
	}
	before := l.filter.text
	l.filter.insert(text)
	return l.wrote(before)
}

// resize also scrolls to the chosen row, so it is to be called after a change.
func (l *list) resize(width, height int) {
	l.width, l.height = width, height
	l.filter.single = true
	_, columns := column(width)
	l.filter.width = max(8, columns-2)
	l.filter.scroll(1)
	l.choose(l.chosen)
	l.top = max(0, min(l.top, l.chosen))
	space := l.space()
	for l.top < l.chosen && l.linesTo(l.chosen) > space {
		l.top++
	}
	// Rows above that fit are shown, rather than nothing below the last one.
	for l.top > 0 {
		l.top--
		if l.linesTo(len(l.rows)-1) > space {
			l.top++
			break
		}
	}
}

// linesTo counts the lines from the first row that is shown to another, up to a
// few more than there are.
func (l *list) linesTo(last int) int {
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
func (l *list) headed(i int) bool {
	return l.rows[i].group != "" && (i == l.top || l.rows[i-1].group != l.rows[i].group)
}

// space is the lines there are for rows.
func (l *list) space() int {
	return max(1, l.height-len(l.above())-len(l.below()))
}

// above are the lines before the rows.
func (l *list) above() []string {
	_, width := column(l.width)
	lines := []string{""}
	for _, s := range l.intro {
		lines = append(lines, wrapped(s, width)...)
	}
	if l.typing() || l.filter.text != "" {
		lines = append(lines, l.filterLine())
	}
	if l.height < 16 {
		return lines[1:]
	}
	return append(lines, "")
}

func (l *list) filterLine() string {
	lines, _, _ := l.filter.view(1)
	text := strings.Join(lines, "")
	if l.filter.text == "" {
		text = l.look.Theme.muted.Render("type to filter")
	}
	return l.look.Theme.accent.Render("/ ") + text
}

// below are the lines after the rows: as many as leave room for a few of those.
func (l *list) below() []string {
	lines := l.about()
	free := l.height - len(l.above()) - min(len(l.rows), max(5, l.height/2))
	if len(lines) > free {
		lines = lines[:max(0, free)]
		if len(lines) == 1 {
			return nil // only the empty one
		}
	}
	return lines
}

// about are the lines that there should be after the rows.
func (l *list) about() []string {
	_, width := column(l.width)
	var lines []string
	if i, ok := l.row(); ok && l.detail != nil {
		if d := l.detail(i, width); len(d) > 0 {
			lines = append(append(lines, ""), d[:min(len(d), max(1, l.height/3))]...)
		}
	}
	for i, s := range l.outro {
		if i == 0 {
			lines = append(lines, "")
		}
		lines = append(lines, wrapped(s, width)...)
	}
	return lines
}

func (l *list) view() ([]string, *tea.Cursor) {
	left, width := column(l.width)
	above := l.above()
	lines := indented(above, left)
	rows := l.drawRows(width)
	lines = append(lines, indented(rows, left-2)...)
	lines = append(lines, indented(l.below(), left)...)
	if !l.typing() {
		return lines, nil
	}
	_, x, _ := l.filter.view(1)
	y := len(above) - 1
	if l.height >= 16 {
		y--
	}
	return lines, tea.NewCursor(left+2+x, y)
}

func (l *list) drawRows(width int) []string {
	if len(l.rows) == 0 {
		var lines []string
		for _, s := range l.empty {
			for _, line := range wrapped(s, width) {
				lines = append(lines, "  "+l.look.Theme.muted.Render(line))
			}
		}
		return lines
	}
	space := l.space()
	widths := l.widths(width)
	var lines []string
	for i := l.top; i < len(l.rows) && len(lines) < space; i++ {
		if l.headed(i) {
			if i > l.top {
				lines = append(lines, "")
			}
			lines = append(lines, "  "+l.look.Theme.muted.Render(cut(l.rows[i].group, width)))
		}
		lines = append(lines, l.draw(i, widths))
	}
	return lines[:min(len(lines), space)]
}

// between is the columns of space between those of a list.
const between = 2

// widths gives the shown rows' columns their widths: what they need as long as
// there is room, which the first takes before the others.
func (l *list) widths(width int) []int {
	var widths []int
	for _, r := range l.rows[l.top:min(len(l.rows), l.top+l.height)] {
		for c, text := range r.cells {
			if c == len(widths) {
				widths = append(widths, 0)
			}
			widths[c] = max(widths[c], cells(text))
		}
	}
	for c := range widths {
		if c > 0 && widths[c] > 0 {
			width -= between
		}
		widths[c] = max(0, min(widths[c], width))
		width -= widths[c]
	}
	return widths
}

// draw draws one row.
func (l *list) draw(i int, widths []int) string {
	r := l.rows[i]
	_, columns := column(l.width)
	style, mark := l.look.Theme.text, "  "
	if r.dim {
		style = l.look.Theme.muted
	}
	if i == l.chosen {
		style, mark = l.look.Theme.selected, l.look.Theme.accent.Render("❯ ")
	}
	plain := func(s string) string { return style.Render(s) }
	var b strings.Builder
	b.WriteString(mark)
	for c, text := range r.cells {
		if widths[c] == 0 {
			continue
		}
		if c > 0 {
			b.WriteString(strings.Repeat(" ", between))
		}
		short := cut(text, widths[c])
		gap := strings.Repeat(" ", max(0, widths[c]-cells(short)))
		if c < len(l.right) && l.right[c] {
			b.WriteString(gap)
			gap = ""
		}
		switch {
		case c == 0 && len(r.marks) > 0 && short == text:
			b.WriteString(marked(text, r.marks, func(s string) string { return l.look.Theme.hit.Render(s) }, plain))
		case c == 0 || r.dim:
			b.WriteString(style.Render(short))
		default:
			b.WriteString(l.look.Theme.muted.Render(short))
		}
		b.WriteString(gap)
	}
	if r.rest != nil {
		b.WriteString(strings.Repeat(" ", between))
		b.WriteString(style.Render(r.rest(columns + 2 - cells(b.String()))))
	}
	return strings.TrimRight(b.String(), " ")
}

// click chooses the row at a line of the body; true when it was chosen before,
// which is a second click.
func (l *list) click(y int) (chosen, again bool) {
	at := len(l.above())
	for i := l.top; i < len(l.rows); i++ {
		if l.headed(i) {
			at += 1 + min(1, i-l.top)
		}
		if at == y {
			again = l.chosen == i
			l.choose(i)
			return true, again
		}
		if at > y {
			break
		}
		at++
	}
	return false, false
}

func (l *list) wheel(lines int) { l.choose(l.chosen + lines) }

// rowsOf gives the list to who shows it in another way than by its frame.
func (l *list) rowsOf() *list { return l }
