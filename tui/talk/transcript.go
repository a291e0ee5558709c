package talk

import (
	"fmt"
	"strings"

	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui/kit"
)

// A transcript shows turns one below the other, and has the scroll position and the selection.
// It draws only what is visible: positions are relative to a part of a turn.
type transcript struct {
	look          *kit.Look
	turns         []*turn
	at            position // the first visible row, unless follow
	follow        bool     // the end stays visible
	unseen        bool     // an answer has grown below what is visible
	marks         map[position][]mark
	selected      int // a turn;
	width, height int // of the text
}

// A position is a row of a part of a turn. The end is the first row of the turn
// after the last.
type position struct{ turn, part, row int }

// A mark is a match on a row.
type mark struct {
	kit.RowSpan
	current bool
}

func newTranscript(look *kit.Look) *transcript {
	return &transcript{look: look, follow: true, selected: -1}
}

// rows returns the rows of the part at a position.
func (tr *transcript) rows(at position) []string {
	return tr.turns[at.turn].parts[at.part].rows(tr.look.Theme, tr.width)
}

// before returns the part before a position, false at the start.
func (tr *transcript) before(at position) (position, bool) {
	for at.part == 0 {
		if at.turn == 0 {
			return position{}, false
		}
		at.turn--
		at.part = len(tr.turns[at.turn].parts)
	}
	return position{at.turn, at.part - 1, 0}, true
}

// after returns the next part, or the end.
func (tr *transcript) after(at position) position {
	at.part++
	return tr.normalize(position{at.turn, at.part, 0})
}

// normalize returns the first position from at that has a part, or the end.
func (tr *transcript) normalize(at position) position {
	for at.turn < len(tr.turns) && at.part >= len(tr.turns[at.turn].parts) {
		at = position{at.turn + 1, 0, 0}
	}
	return at
}

func (tr *transcript) end() position { return position{len(tr.turns), 0, 0} }

// up moves a position up by rows, at most to the start.
func (tr *transcript) up(at position, rows int) position {
	for rows > at.row {
		previous, ok := tr.before(at)
		if !ok {
			return position{}
		}
		rows -= at.row
		at = previous
		at.row = len(tr.rows(at))
	}
	at.row -= rows
	return at
}

// down moves a position down by rows, at most to the end.
func (tr *transcript) down(at position, rows int) position {
	at = tr.normalize(at)
	for at != tr.end() {
		here := len(tr.rows(at))
		if at.row+rows < here {
			at.row += rows
			return at
		}
		rows -= here - at.row
		at = tr.after(at)
	}
	return at
}

// less reports whether a is before b.
func (a position) less(b position) bool {
	if a.turn != b.turn {
		return a.turn < b.turn
	}
	if a.part != b.part {
		return a.part < b.part
	}
	return a.row < b.row
}

// first returns the first visible row.
func (tr *transcript) first() position {
	lowest := tr.up(tr.end(), tr.height)
	if tr.follow {
		return lowest
	}
	at := tr.normalize(tr.at)
	if at != tr.end() {
		at.row = min(at.row, max(0, len(tr.rows(at))-1))
	}
	if lowest.less(at) {
		return lowest
	}
	return at
}

// scroll moves by rows, down when they are positive.
func (tr *transcript) scroll(rows int) {
	at := tr.first()
	if rows < 0 {
		at = tr.up(at, -rows)
	} else {
		at = tr.down(at, rows)
	}
	tr.scrollTo(at)
}

// scrollTo shows a position at the top, or the end if less than a screen follows.
func (tr *transcript) scrollTo(at position) {
	tr.at = at
	if tr.follow = !at.less(tr.up(tr.end(), tr.height)); tr.follow {
		tr.unseen = false
	}
}

// toEnd shows the end, and keeps it visible.
func (tr *transcript) toEnd() { tr.follow, tr.unseen = true, false }

func (tr *transcript) resize(width, height int) { tr.width, tr.height = width, height }

// selectTurn selects a turn and scrolls it into view; -1 selects none.
func (tr *transcript) selectTurn(i int) {
	tr.selected = i
	if i < 0 {
		return
	}
	first := tr.first()
	last := tr.down(first, tr.height)
	start, end := tr.normalize(position{turn: i}), tr.normalize(position{turn: i + 1})
	if start.less(first) || last.less(end) {
		if tall := tr.down(start, tr.height).less(end); !tall && last.less(end) && !start.less(first) {
			start = tr.up(end, tr.height)
		}
		tr.scrollTo(start)
	}
}

// A visibleRow is a row on the screen.
type visibleRow struct {
	position
	text string
}

// visible returns the rows on the screen.
func (tr *transcript) visible() []visibleRow {
	rows := make([]visibleRow, 0, max(0, tr.height))
	for at := tr.normalize(tr.first()); at != tr.end() && len(rows) < tr.height; at = tr.after(at) {
		for i, text := range tr.rows(at) {
			if i < at.row || len(rows) == tr.height {
				continue
			}
			rows = append(rows, visibleRow{position{at.turn, at.part, i}, text})
		}
	}
	return rows
}

// view draws the visible rows with a left margin, which has a bar beside the selected turn.
func (tr *transcript) view(left int) []string {
	margin, bar := strings.Repeat(" ", left), strings.Repeat(" ", max(0, left-2))+tr.look.Theme.Accent.Render("▍")+" "+term.TextStart
	var lines []string
	for _, r := range tr.visible() {
		text := tr.labelled(r)
		for _, m := range tr.marks[r.position] {
			style := tr.look.Theme.Match
			if m.current {
				style = tr.look.Theme.CurrentMatch
			}
			text = kit.MarkRow(text, m.RowSpan, style)
		}
		switch {
		case r.turn == tr.selected && !tr.isSeparator(r):
			text = bar + text
		case text != "":
			text = margin + text
		}
		lines = append(lines, text)
	}
	return lines
}

// isSeparator reports whether a row is the empty one between two turns.
func (tr *transcript) isSeparator(r visibleRow) bool {
	return r.row == 0 && r.part == 0 && r.text == ""
}

// labelled adds a label at the end of a row: the language of code and its copy key, or the
// version of a turn.
func (tr *transcript) labelled(r visibleRow) string {
	label := tr.label(r)
	if label == "" || kit.Width(r.text)+kit.Width(label)+2 > tr.width {
		return r.text
	}
	return kit.Spread(r.text+term.TextEnd, tr.look.Theme.Muted.Render(label), tr.width)
}

func (tr *transcript) label(r visibleRow) string {
	p := tr.turns[r.turn].parts[r.part]
	if r.row != 1 {
		return ""
	}
	if n, of := tr.turns[r.turn].version(); of > 1 && r.part == 0 {
		return fmt.Sprintf("‹ %d/%d ›", n, of)
	}
	if p.code == nil {
		return ""
	}
	label := kit.OneLine(p.code.language)
	key := ""
	if r.turn == tr.selected {
		key = tr.codeKey(r.turn, p)
	} else if p == tr.lastCode() {
		key = tr.look.Keys.CopyCode.Help().Key
	}
	if key != "" && label != "" {
		label += " · "
	}
	return label + key
}

// codeKey returns the digit that copies a part of the selected turn.
func (tr *transcript) codeKey(i int, p *part) string {
	for n, q := range tr.turns[i].codes() {
		if p == q && n < 9 {
			return fmt.Sprint(n + 1)
		}
	}
	return ""
}

// lastCode returns the last part of the last turn that has code, or nil.
func (tr *transcript) lastCode() *part {
	if len(tr.turns) == 0 {
		return nil
	}
	codes := tr.turns[len(tr.turns)-1].codes()
	if len(codes) == 0 {
		return nil
	}
	return codes[len(codes)-1]
}

// click returns the turn at a row of the screen, and the code whose label is there.
func (tr *transcript) click(x, y int) (turn int, copied *codeBlock) {
	rows := tr.visible()
	if y < 0 || y >= len(rows) {
		return -1, nil
	}
	r := rows[y]
	if p := tr.turns[r.turn].parts[r.part]; p.code != nil && x >= tr.width-kit.Width(tr.label(r)) && tr.label(r) != "" {
		copied = p.code
	}
	return r.turn, copied
}
