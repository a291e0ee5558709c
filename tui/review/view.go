package review

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// aroundFinding is how many lines are shown before and after a finding.
const aroundFinding = 3

func (m *Mode) Resize(width, height int) {
	m.width, m.height = width, height
	m.list.Resize(width, m.listHeight())
}

// margin returns the empty lines above the list.
func (m *Mode) margin() int {
	if m.review == nil || m.height < 12 {
		return 0
	}
	return 1
}

// listHeight returns the lines of the list: all, or what the findings need, at most a third.
func (m *Mode) listHeight() int {
	if m.review == nil || len(m.list.Rows) == 0 {
		return m.height
	}
	need := len(m.list.Rows)
	if m.list.Typing() || m.list.Filter.Text != "" {
		need++
	}
	return max(1, min(need, m.height/3))
}

func (m *Mode) View() ([]string, *tea.Cursor) {
	f := m.selected()
	if m.fullView && f != nil {
		lines := m.drawFinding(f, aroundFinding+m.height/4)
		top := min(m.top, max(0, len(lines)-m.height))
		end := min(len(lines), top+m.height)
		return m.look.MarkMore(lines[top:end], m.width, top > 0, end < len(lines)), nil
	}
	lines := make([]string, m.margin())
	rows, cursor := m.list.View()
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
	// Show as much code around the finding as leaves room for its text.
	free := m.height - len(lines)
	var below []string
	for around := aroundFinding; around >= 0; around-- {
		if below = m.drawFinding(f, around); len(below) <= free {
			break
		}
	}
	lines = append(lines, below...)
	if len(lines) > m.height {
		left, _ := kit.Column(m.width)
		lines = lines[:m.height]
		lines[m.height-1] = strings.Repeat(" ", left) + m.look.Theme.Muted.Render("… "+m.look.Keys.Choose.Help().Key+" shows all")
	}
	return lines, cursor
}

// scroll scrolls a finding that fills the body.
func (m *Mode) scroll(k tea.KeyPressMsg) bool {
	f := m.selected()
	if f == nil {
		m.fullView = false
		return false
	}
	last := max(0, len(m.drawFinding(f, aroundFinding+m.height/4))-m.height)
	top, ok := kit.ScrollKey(k, m.top, m.height-1, last)
	m.top = top
	return ok
}

// around returns the lines of the change around a finding.
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

// drawFinding draws a finding's code with its text below the last line.
func (m *Mode) drawFinding(f *finding, around int) []string {
	left, width := kit.Column(m.width)
	lines := m.review.around(&f.Finding, around)
	digits := len(strconv.Itoa(f.EndLine + around))
	gutter := digits + 3 // a space, the sign, a space
	var out []string
	for i, text := range codeLines(lines) {
		l := lines[i]
		number := ""
		style, sign := m.look.Theme.Text, " "
		if l.New > 0 {
			number = strconv.Itoa(l.New)
		}
		switch l.Op {
		case diff.Add:
			style, sign = m.look.Theme.OK, "+"
		case diff.Delete:
			style, sign = m.look.Theme.Alert, "-"
		}
		at := l.New >= f.Line && l.New <= f.EndLine
		if at {
			style = style.Bold(true)
		}
		out = append(out, m.look.Theme.Muted.Render(fmt.Sprintf("%*s ", digits, number))+style.Render(sign+" "+kit.Truncate(text, width-gutter)))
		if l.New == f.EndLine {
			out = append(out, m.annotate(f, gutter, width)...)
		}
	}
	if len(lines) == 0 {
		out = m.annotate(f, 0, width)
	}
	return kit.Indent(out, left)
}

// codeLine returns a line of code for drawing.
func codeLine(s string) string {
	return markdown.ExpandTabs(strings.TrimRight(term.Clean(s), "\r\n"))
}

// codeLines returns lines of code as they can be drawn, with the same tab stops.
func codeLines(lines []diff.Line) []string {
	if len(lines) == 0 {
		return nil
	}
	text := make([]string, len(lines))
	for i, l := range lines {
		text[i] = strings.TrimRight(term.Clean(l.Text), "\r\n")
	}
	return strings.Split(markdown.ExpandTabs(strings.Join(text, "\n")), "\n")
}

// annotate draws the text of a finding and its suggestion.
func (m *Mode) annotate(f *finding, gutter, width int) []string {
	code := codeLine(f.Code[strings.LastIndexByte(f.Code, '\n')+1:])
	indent := gutter + min(len(code)-len(strings.TrimLeft(code, " ")), width/4)
	var out []string
	if f.Line == f.EndLine {
		n := max(1, min(kit.Width(strings.TrimSpace(code)), width-indent))
		out = append(out, m.look.Theme.Accent.Render(strings.Repeat("^", n)))
	}
	if m.fullView || m.width < kit.WideColumns { // else the list shows it in full
		out = append(out, kit.StyleLines(m.severity(f.Severity), kit.Wrap(f.Title, width-indent))...)
	}
	if f.Why != "" {
		out = append(out, kit.Wrap(f.Why, width-indent)...)
	}
	if s := f.Suggestion; s != nil {
		out = append(out, m.look.Theme.Muted.Render(map[bool]string{true: "applied:", false: "suggested:"}[f.applied]))
		for _, part := range []struct {
			text, sign string
			style      lipgloss.Style
		}{{s.Old, "- ", m.look.Theme.Alert}, {s.New, "+ ", m.look.Theme.OK}} {
			for line := range strings.Lines(part.text) {
				out = append(out, part.style.Render(kit.Truncate(part.sign+codeLine(line), width-indent)))
			}
		}
	}
	return kit.Indent(out, indent)
}

func (m *Mode) severity(s review.Severity) lipgloss.Style {
	switch {
	case s.AtLeast(review.Major):
		return m.look.Theme.Alert
	case s.AtLeast(review.Minor):
		return m.look.Theme.Warn
	}
	return m.look.Theme.Muted
}

// Subject returns the model, and the size of the review.
func (m *Mode) Subject() string {
	if m.model == nil {
		return ""
	}
	var facts []string
	if name := m.model.Label(); name != "" {
		facts = append(facts, name)
	}
	if r := m.review; r != nil && m.width >= kit.WideColumns {
		facts = append(facts, units.Plural(len(r.change.Files), "file"), units.Plural(len(r.found), "finding"))
	}
	return m.look.Theme.Muted.Render(strings.Join(facts, " · "))
}

func (m *Mode) Footer() kit.Footer {
	f := kit.Footer{Hints: m.Bindings()}
	r := m.review
	switch {
	case r == nil:
	case r.busy:
		f.Left = m.progressLine(max(10, m.width/2))
	case r.result != nil && len(r.found) > 0:
		f.Left = r.coverage()
	}
	return f
}

// coverage returns how many files were reviewed, and what the user did with the findings.
func (r *reviewing) coverage() string {
	n, rest := 0, 0
	for _, c := range r.result.Files {
		switch c.Status {
		case review.Reviewed:
			n++
		case review.Partial, review.Failed:
			rest++
		}
	}
	text := fmt.Sprintf("reviewed %d of %d", n, len(r.result.Files))
	if rest > 0 {
		text += fmt.Sprintf(" · not reviewed: %d", rest)
	}
	applied, dismissed := 0, 0
	for _, f := range r.found {
		if f.applied {
			applied++
		}
		if f.dismissed {
			dismissed++
		}
	}
	if applied > 0 {
		text += fmt.Sprintf(" · %d applied", applied)
	}
	if dismissed > 0 {
		text += fmt.Sprintf(" · %d dismissed", dismissed)
	}
	return text
}

// progressLine describes what the review waits for.
func (m *Mode) progressLine(width int) string {
	r := m.review
	if m.model == nil {
		return ""
	}
	w := progress.Progress{Model: m.model.Name(), Loaded: -1}
	switch {
	case r.pull == nil && m.model.State == engines.Opening:
		w.Phase = progress.Starting
	case r.pull == nil, m.model.State == engines.Loading && r.progress.Total == 0:
		w.Phase, w.Loaded = progress.Loading, m.model.Loaded
	case r.loading >= 0:
		w.Phase, w.Loaded = progress.Loading, r.loading
	}
	l := w.Line()
	if w.Phase == progress.Idle {
		l = r.progress.Line(r.parts)
	}
	return kit.ProgressLine(l.Text, l.Share, l.After, width)
}

// Bindings returns the keys that work now.
func (m *Mode) Bindings() []kit.Hint {
	choose, back := m.look.Keys.Choose, m.look.Keys.Back
	if m.review == nil {
		if len(m.list.Rows) == 0 {
			return []kit.Hint{{Binding: m.keys.refresh, General: true}}
		}
		return []kit.Hint{{Binding: choose, Words: "review"}, {Binding: m.keys.refresh, General: true}}
	}
	var list []kit.Hint
	if f := m.selected(); f != nil {
		if f.Suggestion != nil && !f.applied {
			list = append(list, kit.Hint{Binding: m.keys.apply})
		}
		if f.handled() {
			list = append(list, kit.Hint{Binding: m.keys.undo})
		} else {
			list = append(list, kit.Hint{Binding: m.keys.dismiss})
		}
		list = append(list, kit.Hint{Binding: m.keys.open})
		if len(m.list.Rows) > 1 {
			list = append(list, kit.Hint{Binding: m.keys.next, General: true})
		}
		list = append(list, kit.Hint{Binding: m.keys.ask}, kit.Hint{Binding: choose, Words: map[bool]string{true: "list", false: "full view"}[m.fullView]})
	}
	if m.review.busy {
		return append(list, kit.Hint{Binding: back, Words: "stop"})
	}
	return append(list, kit.Hint{Binding: m.keys.again, General: true}, kit.Hint{Binding: back, Words: "changes"})
}
