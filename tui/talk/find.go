package talk

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/kit"
)

// A finder searches the conversation that is open. Matches are looked for in what is drawn, so
// that each can be marked.
type finder struct {
	transcript *transcript
	active     bool // matches are marked
	open       bool // the line with the text gets the keys
	kit.Editor
	query   history.Query // of the list of conversations, until the text changes
	queried string        // the text of query; "": none

	hits     []hit
	current  int     // a hit
	fresh    bool    // the hits were just looked for
	unfolded []*turn // to fold again
}

// A hit is a match in a part of a turn. It has several spans if it is drawn on several rows.
type hit struct {
	turn, part int
	spans      []kit.RowSpan
}

func newFinder(t *transcript) *finder {
	f := &finder{transcript: t}
	f.SingleLine = true
	return f
}

// start searches for a text, from the end of what is visible upwards.
func (f *finder) start(text string) {
	f.active, f.queried = true, ""
	f.SetText(text)
	f.restart()
}

// show marks what a query of the history finds, and shows the first match from a turn on.
func (f *finder) show(text string, turn int) {
	f.active, f.open = true, false
	f.query, f.queried = history.ParseQuery(text), text
	f.SetText(text)
	f.search()
	f.current = max(0, slices.IndexFunc(f.hits, func(h hit) bool { return h.turn >= turn }))
	if len(f.hits) == 0 || f.hits[f.current].turn != turn {
		f.transcript.scrollTo(position{turn: turn})
		return
	}
	f.reveal()
}

// close removes the marks.
func (f *finder) close() {
	for _, t := range f.unfolded {
		t.unfolded = false
		t.refresh()
	}
	f.active, f.open, f.hits, f.unfolded = false, false, nil, nil
	f.transcript.marks = nil
	f.Reset()
}

// restart searches again after the text has changed.
func (f *finder) restart() {
	f.search()
	last := f.transcript.down(f.transcript.first(), f.transcript.height)
	f.current = max(0, len(f.hits)-1)
	for i, h := range f.hits {
		if last.less(h.start()) {
			f.current = max(0, i-1)
			break
		}
	}
	f.reveal()
}

func (h hit) start() position { return position{h.turn, h.part, h.spans[0].Row} }

// move goes to another match: the next one if by is positive.
func (f *finder) move(by int) {
	if n := len(f.hits); n > 0 {
		f.current = (f.current + by + n) % n
		f.reveal()
	}
}

// reveal scrolls to the current match unless it is visible.
func (f *finder) reveal() {
	f.mark()
	f.fresh = true
	if len(f.hits) == 0 {
		return
	}
	tr, at := f.transcript, f.hits[f.current].start()
	first := tr.first()
	if at.less(first) || !at.less(tr.down(first, tr.height)) {
		tr.scrollTo(tr.up(at, tr.height/3))
	}
}

// refresh searches again if the conversation may have changed, and keeps the current match.
func (f *finder) refresh() {
	if !f.active {
		return
	}
	if f.fresh {
		f.fresh = false
		return
	}
	turn, nth := -1, 0
	if f.current < len(f.hits) {
		turn = f.hits[f.current].turn
		for i := f.current; i > 0 && f.hits[i-1].turn == turn; i-- {
			nth++
		}
	}
	f.search()
	i := slices.IndexFunc(f.hits, func(h hit) bool { return h.turn == turn })
	if i >= 0 {
		f.current = min(i+nth, len(f.hits)-1)
	}
	f.current = max(0, min(f.current, len(f.hits)-1))
	f.mark()
}

// search finds the matches in the turns.
func (f *finder) search() {
	f.hits = nil
	if strings.TrimSpace(f.Text) == "" {
		return
	}
	for i, t := range f.transcript.turns {
		source := t.plainText()
		if t.role == engine.Assistant && t.unfolded {
			source += "\n" + t.thinking.String()
		}
		if !f.maybeIn(source) {
			continue
		}
		if t.role == engine.User && !t.unfolded && len(f.spans(source)) > 0 {
			t.unfolded = true
			t.refresh()
			f.unfolded = append(f.unfolded, t)
		}
		for j, p := range t.parts {
			if p.block != "" && !f.maybeIn(p.block) {
				continue
			}
			for _, spans := range kit.FindInRows(f.transcript.rows(position{i, j, 0}), f.spans) {
				f.hits = append(f.hits, hit{i, j, spans})
			}
		}
	}
}

// maybeIn reports whether what is drawn of a source can match: most of a conversation need not be
// drawn.
func (f *finder) maybeIn(source string) bool {
	if f.queried != "" {
		return len(f.query.Marks(source)) > 0
	}
	return !slices.ContainsFunc(strings.Fields(f.Text), func(word string) bool { return kit.IndexFold(source, word) < 0 })
}

// spans returns the matches in a text.
func (f *finder) spans(text string) []kit.Span {
	var list []kit.Span
	if f.queried != "" {
		for _, r := range f.query.Marks(text) {
			if n := len(list) - 1; n >= 0 && strings.TrimSpace(text[list[n].To:r.Start]) == "" {
				list[n].To = r.End // words one after the other are one match
				continue
			}
			list = append(list, kit.Span{From: r.Start, To: r.End})
		}
		return list
	}
	want := strings.Join(strings.Fields(f.Text), " ")
	if want == "" {
		return nil
	}
	for at := 0; ; {
		i := kit.IndexFold(text[at:], want)
		if i < 0 {
			return list
		}
		list = append(list, kit.Span{From: at + i, To: at + i + len(want)})
		at += i + len(want)
	}
}

// mark gives the matches to the transcript.
func (f *finder) mark() {
	f.transcript.marks = map[position][]mark{}
	for i, h := range f.hits {
		for _, s := range h.spans {
			at := position{h.turn, h.part, s.Row}
			f.transcript.marks[at] = append(f.transcript.marks[at], mark{s, i == f.current})
		}
	}
}

// press handles a key for the line with the text.
func (f *finder) press(k tea.KeyPressMsg) bool {
	keys, before := f.transcript.look.Keys, f.Text
	switch {
	case k.String() == "esc", kit.Matches(k, keys.Back, keys.Quit):
		f.close()
	case k.String() == "up", k.String() == "enter", kit.Matches(k, keys.Find):
		f.move(-1)
	case k.String() == "down", k.String() == "shift+enter":
		f.move(1)
	case f.Press(kit.KeyOf(k), keys):
		if f.Text != before {
			f.queried = ""
			f.restart()
		}
	default:
		return false
	}
	return true
}

// paste inserts text into the line.
func (f *finder) paste(text string) {
	f.Insert(text)
	f.queried = ""
	f.restart()
}

// count says which match is the current one.
func (f *finder) count() string {
	switch {
	case strings.TrimSpace(f.Text) == "":
		return ""
	case len(f.hits) == 0:
		return "no match"
	}
	return fmt.Sprintf("%d of %d", f.current+1, len(f.hits))
}

// view draws the line with the text.
func (f *finder) view(width int) (line string, cursor int) {
	look := f.transcript.look
	count := f.count()
	if !f.open {
		return look.Theme.Muted.Render(kit.Truncate("/ "+f.Text+"   "+count, width)), -1
	}
	f.Width = max(8, width-2-len("   no match"))
	f.ScrollTo(1)
	lines, x, _ := f.View(1)
	text := lines[0]
	if f.Text == "" {
		text = look.Theme.Muted.Render("search this conversation")
	}
	return look.Theme.Accent.Render("/ ") + text + "   " + look.Theme.Muted.Render(count), x + 2
}
