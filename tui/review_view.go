package tui

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// aroundFinding is how many lines are shown before and after a finding's.
const aroundFinding = 3

func (m *reviewMode) resize(width, height int) {
	m.width, m.height = width, height
	m.list.resize(width, m.listHeight())
}

// margin is the empty lines above the list.
func (m *reviewMode) margin() int {
	if m.review == nil || m.height < 12 {
		return 0
	}
	return 1
}

// listHeight is how many lines the list has: all, or what its findings need, up to
// a third.
func (m *reviewMode) listHeight() int {
	if m.review == nil || len(m.list.rows) == 0 {
		return m.height
	}
	need := len(m.list.rows)
	if m.list.typing() || m.list.filter.text != "" {
		need++
	}
	return max(1, min(need, m.height/3))
}

func (m *reviewMode) view() ([]string, *tea.Cursor) {
	f := m.chosen()
	if m.whole && f != nil {
		lines := m.drawn(f, aroundFinding+m.height/4)
		return lines[min(m.top, max(0, len(lines)-m.height)):], nil
	}
	lines := make([]string, m.margin())
	rows, cursor := m.list.view()
	if cursor != nil {
		cursor.Y += len(lines)
	}
	lines = append(lines, rows...)
	if f == nil {
		return lines[:min(len(lines), m.height)], cursor
	}
	if m.height >= 12 {
		lines = append(lines, "")
	}
	// As much of what is around the finding as leaves room for what is said of it.
	free := m.height - len(lines)
	var below []string
	for around := aroundFinding; around >= 0; around-- {
		if below = m.drawn(f, around); len(below) <= free {
			break
		}
	}
	lines = append(lines, below...)
	return lines[:min(len(lines), m.height)], cursor
}

// scroll moves a finding that has the body to itself.
func (m *reviewMode) scroll(k tea.KeyPressMsg) bool {
	f := m.chosen()
	if f == nil {
		m.whole = false
		return false
	}
	last := max(0, len(m.drawn(f, aroundFinding+m.height/4))-m.height)
	switch k.String() {
	case "up":
		m.top--
	case "down":
		m.top++
	case "pgup":
		m.top -= m.height - 1
	case "pgdown", "space":
		m.top += m.height - 1
	case "home":
		m.top = 0
	case "end":
		m.top = last
	default:
		return false
	}
	m.top = max(0, min(m.top, last))
	return true
}

// around are the lines of the change from some before a finding to some after it.
func (r *reviewing) around(f *review.Finding, by int) []diff.Line {
	for i := range r.change.Files {
		file := &r.change.Files[i]
		if file.Path() != f.File {
			continue
		}
		for _, h := range file.Hunks {
			first, last := -1, -1
			for j, l := range h.Lines {
				if l.New >= f.Line && l.New <= f.EndLine {
					if first < 0 {
						first = j
					}
					last = j
				}
			}
			if first >= 0 {
				return h.Lines[max(0, first-by):min(len(h.Lines), last+1+by)]
			}
		}
	}
	return nil
}

// drawn is a finding's code, with what is said about it below its last line.
func (m *reviewMode) drawn(f *finding, around int) []string {
	left, width := column(m.width)
	lines := m.review.around(&f.Finding, around)
	digits := len(strconv.Itoa(f.EndLine + around))
	gutter := digits + 3 // a space, the sign, a space
	var out []string
	for _, l := range lines {
		number := ""
		style, sign := m.look.Theme.text, " "
		if l.New > 0 {
			number = strconv.Itoa(l.New)
		}
		switch l.Op {
		case diff.Add:
			style, sign = m.look.Theme.okay, "+"
		case diff.Delete:
			style, sign = m.look.Theme.alarm, "-"
		}
		at := l.New >= f.Line && l.New <= f.EndLine
		if at {
			style = style.Bold(true)
		}
		out = append(out, m.look.Theme.muted.Render(fmt.Sprintf("%*s ", digits, number))+style.Render(sign+" "+cut(codeLine(l.Text), width-gutter)))
		if l.New == f.EndLine {
			out = append(out, m.said(f, gutter, width)...)
		}
	}
	if len(lines) == 0 {
		out = m.said(f, 0, width)
	}
	return indented(out, left)
}

// codeLine is a line of code as it can be drawn.
func codeLine(s string) string {
	return strings.ReplaceAll(strings.TrimRight(term.Clean(s), "\r\n"), "\t", "    ")
}

// said is what is wrong, under the code, and the suggestion.
func (m *reviewMode) said(f *finding, gutter, width int) []string {
	code := codeLine(f.Code[strings.LastIndexByte(f.Code, '\n')+1:])
	indent := gutter + min(len(code)-len(strings.TrimLeft(code, " ")), width/4)
	var out []string
	if f.Line == f.EndLine {
		n := max(1, min(cells(strings.TrimSpace(code)), width-indent))
		out = append(out, m.look.Theme.accent.Render(strings.Repeat("^", n)))
	}
	if m.whole || m.width < tabsWidth { // else it stands in the list, whole
		out = append(out, styled(m.severity(f.Severity), wrapped(f.Title, width-indent))...)
	}
	if f.Why != "" {
		out = append(out, wrapped(f.Why, width-indent)...)
	}
	if s := f.Suggestion; s != nil {
		out = append(out, m.look.Theme.muted.Render(map[bool]string{true: "applied:", false: "suggested:"}[f.applied]))
		for _, part := range []struct {
			text, sign string
			style      lipgloss.Style
		}{{s.Old, "- ", m.look.Theme.alarm}, {s.New, "+ ", m.look.Theme.okay}} {
			for line := range strings.Lines(part.text) {
				out = append(out, part.style.Render(cut(part.sign+codeLine(line), width-indent)))
			}
		}
	}
	return indented(out, indent)
}

func (m *reviewMode) severity(s review.Severity) lipgloss.Style {
	switch {
	case s.AtLeast(review.Major):
		return m.look.Theme.alarm
	case s.AtLeast(review.Minor):
		return m.look.Theme.warn
	}
	return m.look.Theme.muted
}

// subject is the model, and what it reviews.
func (m *reviewMode) subject() string {
	if m.model == nil {
		return ""
	}
	var facts []string
	if name := m.model.name(); name != "" {
		facts = append(facts, name)
	}
	if r := m.review; r != nil && m.width >= tabsWidth {
		facts = append(facts, units.Plural(len(r.change.Files), "file"), units.Plural(len(r.found), "finding"))
	}
	return m.look.Theme.muted.Render(strings.Join(facts, " · "))
}

func (m *reviewMode) foot() foot {
	f := foot{hints: m.bindings()}
	r := m.review
	switch {
	case r == nil:
	case r.busy:
		f.left = m.waits(max(10, m.width/2))
	case r.result != nil && len(r.found) > 0:
		f.left = r.coverage()
	}
	return f
}

// coverage is how many files were reviewed.
func (r *reviewing) coverage() string {
	n := 0
	for _, c := range r.result.Files {
		if c.Status == review.Reviewed || c.Status == review.Partial {
			n++
		}
	}
	return fmt.Sprintf("reviewed %d of %d", n, len(r.result.Files))
}

// waits says what a review waits for.
func (m *reviewMode) waits(width int) string {
	r := m.review
	w := waiting{model: m.model.name(), loaded: -1}
	switch {
	case r.pull == nil && m.model.state == opening:
		w.what = forEngine
	case r.pull == nil, m.model.state == loading && r.reading.Total == 0:
		w.what, w.loaded = forLoading, m.model.loaded
	case r.loading >= 0:
		w.what, w.loaded = forLoading, r.loading
	case r.reading.Total > 0 && r.reading.Done < r.reading.Total:
		w.what = forReading
		w.now.Done, w.now.Total = r.reading.Done, r.reading.Total
	default:
		return cut(fmt.Sprintf("reviewing · %d of %d parts done", r.reading.Parts, r.parts), width)
	}
	return w.line(width)
}

// bindings are the keys that work at this moment.
func (m *reviewMode) bindings() []hint {
	choose, back := m.look.Keys.Choose, m.look.Keys.Back
	if m.review == nil {
		if len(m.list.rows) == 0 {
			return hints(m.keys.look)
		}
		return []hint{{choose, "review"}, {m.keys.look, ""}}
	}
	var list []hint
	if f := m.chosen(); f != nil {
		if f.Suggestion != nil && !f.applied {
			list = append(list, hint{Binding: m.keys.apply})
		}
		list = append(list, hints(m.keys.dismiss, m.keys.open)...)
		if len(m.list.rows) > 1 {
			list = append(list, hint{Binding: m.keys.next})
		}
		list = append(list, hint{Binding: m.keys.ask}, hint{choose, map[bool]string{true: "list", false: "all of it"}[m.whole]})
	}
	if m.review.busy {
		return append(list, hint{back, "stop"})
	}
	return append(list, hint{Binding: m.keys.again}, hint{back, "changes"})
}
