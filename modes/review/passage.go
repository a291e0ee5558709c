package review

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/modes/review/diff"
)

// A passage is a run of lines of one file as the model is shown them: a hunk, or a
// part of one that is too long, with some of what is around it.
type passage struct {
	file    *diff.File
	lines   []line
	section string // what the first line stands under
	ends    bool   // the file ends with the last line
}

// A line of a passage. Lines around the hunk are shown, but nothing may be found
// there.
type line struct {
	diff.Line
	around bool
}

// passages are the hunks of a file. A hunk that has less context at its end than
// others have is at the end of the file.
func passages(f *diff.File) []passage {
	width := 0
	for _, h := range f.Hunks {
		before, after := contexts(h)
		width = max(width, before, after)
	}
	ps := make([]passage, 0, len(f.Hunks))
	for _, h := range f.Hunks {
		p := passage{file: f, section: h.Section, lines: make([]line, 0, len(h.Lines))}
		for _, l := range h.Lines {
			p.lines = append(p.lines, line{Line: l})
		}
		_, after := contexts(h)
		p.ends = after < width || f.Kind == diff.Added || f.Kind == diff.Whole
		ps = append(ps, p)
	}
	return ps
}

// contexts counts the lines of context at the ends of a hunk.
func contexts(h diff.Hunk) (before, after int) {
	n := len(h.Lines)
	for before < n && h.Lines[before].Op == diff.Context {
		before++
	}
	for after < n && h.Lines[n-1-after].Op == diff.Context {
		after++
	}
	return before, after
}

// first is the number of the first line that is there after the change, 0 when
// there is none.
func (p *passage) first() int {
	for _, l := range p.lines {
		if l.New > 0 {
			return l.New
		}
	}
	return 0
}

// last is the number of the last line that is there after the change.
func (p *passage) last() int {
	for i := len(p.lines) - 1; i >= 0; i-- {
		if n := p.lines[i].New; n > 0 {
			return n
		}
	}
	return 0
}

// every is how far apart numbered lines are. Numbers are many tokens, so a line
// has one only where a count begins; what a finding quotes tells its line exactly.
const every = 5

// text is the passage as the model reads it: lines that begin with what happens
// to them, and some with their number before that.
func (p *passage) text() string {
	var b strings.Builder
	b.WriteString("@@")
	if p.section != "" {
		b.WriteString(" " + shown(p.section))
	}
	b.WriteByte('\n')
	first, before := p.first(), diff.Context
	for _, l := range p.lines {
		added := l.Op == diff.Add
		if l.New > 0 && (l.New == first || added && before != diff.Add || l.New%every == 0 && (added || p.file.Kind == diff.Whole)) {
			b.WriteString(strconv.Itoa(l.New))
		}
		before = l.Op
		b.WriteByte(byte(l.Op))
		b.WriteString(shown(l.Text))
		b.WriteByte('\n')
	}
	return b.String()
}

// shown is a line as a model is to read it: text without what ends it.
func shown(s string) string {
	s = strings.TrimSuffix(s, "\r")
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return s
}

// heading is the line before a file's passages.
func heading(f *diff.File) string {
	what := ""
	switch f.Kind {
	case diff.Added:
		what = " (new file)"
	case diff.Renamed:
		what = " (was " + shown(f.Old) + ")"
	case diff.Copied:
		what = " (copy of " + shown(f.Old) + ")"
	case diff.Whole:
		what = " (whole file)"
	}
	return fmt.Sprintf("=== %s%s\n", oneLine(f.Path()), what)
}

// oneLine is a name that cannot be taken for anything else.
func oneLine(s string) string {
	s = shown(s)
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
		return strconv.Quote(s)
	}
	return s
}

// split cuts a passage in two near its middle, where a blank line is followed by
// one that is not indented if there is such a place, else where it changes from
// one thing to the next. A passage of one line cannot be cut.
func (p *passage) split() (a, b passage, ok bool) {
	n := len(p.lines)
	if n < 2 {
		return passage{}, passage{}, false
	}
	at, best := n/2, 0
	for i := max(1, n/4); i < n-n/4; i++ {
		score := 0
		here, before := p.lines[i].Text, p.lines[i-1].Text
		if strings.TrimSpace(before) == "" && here != "" {
			score = 2
			if !strings.HasPrefix(here, " ") && !strings.HasPrefix(here, "\t") {
				score = 4
			}
		} else if p.lines[i].Op == diff.Context && p.lines[i-1].Op != diff.Context {
			score = 1
		}
		if score > best || score == best && abs(i-n/2) < abs(at-n/2) {
			at, best = i, score
		}
	}
	a = passage{file: p.file, section: p.section, lines: p.lines[:at]}
	b = passage{file: p.file, section: section(p.section, p.lines[:at]), lines: p.lines[at:], ends: p.ends}
	return a, b, true
}

// section is what a line after these stands under: the last one that is not
// indented, as git has it.
func section(before string, lines []line) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if l := lines[i]; l.Op != diff.Delete && heads(l.Text) {
			return shown(l.Text)[:min(len(shown(l.Text)), 80)]
		}
	}
	return before
}

// heads reports whether a line is one that git takes for the beginning of a
// function: not indented, and beginning with a letter, _ or $.
func heads(s string) bool {
	return s != "" && (s[0] == '_' || s[0] == '$' || s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z')
}

func abs(n int) int { return max(n, -n) }
