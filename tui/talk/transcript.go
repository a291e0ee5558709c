package talk

import (
	"fmt"
	"strings"

	"github.com/bise-sh/bise/tui/kit"
)

// A transcript shows turns one below the other and knows where the person is in
// them. It draws no more than what is seen: places are counted in rows from a
// part of a turn, never from the beginning.
type transcript struct {
	look          *kit.Look
	turns         []*turn
	at            place // the first row that is shown, unless the end is
	follow        bool  // the end is shown, wherever that moves
	selected      int   // of turns; -1: none
	width, height int   // of the text
}

// A place is a row of a part of a turn. The end is the first row of the turn
// after the last.
type place struct{ turn, part, row int }

func newTranscript(look *kit.Look) *transcript {
	return &transcript{look: look, follow: true, selected: -1}
}

// rows are those of the part at a place.
func (tr *transcript) rows(at place) []string {
	return tr.turns[at.turn].parts[at.part].rows(tr.look.Theme, tr.width)
}

// before gives the part before a place's, false at the beginning.
func (tr *transcript) before(at place) (place, bool) {
	for at.part == 0 {
		if at.turn == 0 {
			return place{}, false
		}
		at.turn--
		at.part = len(tr.turns[at.turn].parts)
	}
	return place{at.turn, at.part - 1, 0}, true
}

// after gives the part after a place's; the end comes after the last.
func (tr *transcript) after(at place) place {
	at.part++
	return tr.normalize(place{at.turn, at.part, 0})
}

// normalize is the first place from at on that has a part, or the end.
func (tr *transcript) normalize(at place) place {
	for at.turn < len(tr.turns) && at.part >= len(tr.turns[at.turn].parts) {
		at = place{at.turn + 1, 0, 0}
	}
	return at
}

func (tr *transcript) end() place { return place{len(tr.turns), 0, 0} }

// up is the place so many rows further up, or the beginning.
func (tr *transcript) up(at place, rows int) place {
	for rows > at.row {
		previous, ok := tr.before(at)
		if !ok {
			return place{}
		}
		rows -= at.row
		at = previous
		at.row = len(tr.rows(at))
	}
	at.row -= rows
	return at
}

// down is the place so many rows further down, or the end.
func (tr *transcript) down(at place, rows int) place {
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

// less reports whether a place comes before another.
func (a place) less(b place) bool {
	if a.turn != b.turn {
		return a.turn < b.turn
	}
	if a.part != b.part {
		return a.part < b.part
	}
	return a.row < b.row
}

// first is the first row that is shown.
func (tr *transcript) first() place {
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

// scrollTo shows a place at the top, or the end when it is nearer than that.
func (tr *transcript) scrollTo(at place) {
	tr.at = at
	tr.follow = !at.less(tr.up(tr.end(), tr.height))
}

func (tr *transcript) resize(width, height int) { tr.width, tr.height = width, height }

// selectTurn selects a turn and brings it into view; -1 selects none.
func (tr *transcript) selectTurn(i int) {
	tr.selected = i
	if i < 0 {
		return
	}
	first := tr.first()
	last := tr.down(first, tr.height)
	start, end := tr.normalize(place{turn: i}), tr.normalize(place{turn: i + 1})
	if start.less(first) || last.less(end) {
		if tall := tr.down(start, tr.height).less(end); !tall && last.less(end) && !start.less(first) {
			start = tr.up(end, tr.height)
		}
		tr.scrollTo(start)
	}
}

// A seen row is one that is on the screen.
type visibleRow struct {
	place
	text string
}

// visible are the rows on the screen.
func (tr *transcript) visible() []visibleRow {
	rows := make([]visibleRow, 0, max(0, tr.height))
	for at := tr.normalize(tr.first()); at != tr.end() && len(rows) < tr.height; at = tr.after(at) {
		for i, text := range tr.rows(at) {
			if i < at.row || len(rows) == tr.height {
				continue
			}
			rows = append(rows, visibleRow{place{at.turn, at.part, i}, text})
		}
	}
	return rows
}

// view draws the rows with a margin at the left, in which the selected turn has a
// bar.
func (tr *transcript) view(left int) []string {
	margin, bar := strings.Repeat(" ", left), strings.Repeat(" ", max(0, left-2))+tr.look.Theme.Accent.Render("▍")+" "
	var lines []string
	for _, r := range tr.visible() {
		text := tr.labelled(r)
		switch {
		case r.turn == tr.selected && !tr.gap(r):
			text = bar + text
		case text != "":
			text = margin + text
		}
		lines = append(lines, text)
	}
	return lines
}

// gap reports whether a row is the empty one between two turns.
func (tr *transcript) gap(r visibleRow) bool {
	return r.row == 0 && r.part == 0 && r.text == ""
}

// labelled puts at the end of a row what there is to know of it: of code its
// language and the key that copies it, of a turn which version it is.
func (tr *transcript) labelled(r visibleRow) string {
	label := tr.label(r)
	if label == "" || kit.Width(r.text)+kit.Width(label)+2 > tr.width {
		return r.text
	}
	return kit.Spread(r.text, tr.look.Theme.Muted.Render(label), tr.width)
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

// codeKey is the digit that copies a part of the selected turn.
func (tr *transcript) codeKey(i int, p *part) string {
	for n, q := range tr.turns[i].codes() {
		if p == q && n < 9 {
			return fmt.Sprint(n + 1)
		}
	}
	return ""
}

// lastCode is the last part of the last turn that has code, nil without.
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

// click tells which turn is at a row of the screen, and the code whose label is
// there.
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
