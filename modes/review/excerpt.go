package review

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/modes/review/diff"
)

// A excerpt is an excerpt of one file as the model sees it: a hunk, or a part of one
// that is too long, with some surrounding lines.
type excerpt struct {
	file    *diff.File
	lines   []line
	section string // the function that encloses the first line
	ends    bool   // the last line is the last of the file
}

// A line of an excerpt. A surrounding line is shown to the model, but findings there
// are dropped.
type line struct {
	diff.Line
	around bool
}

// excerpts returns the hunks of a file. A hunk with less trailing context than the
// others is at the end of the file.
func excerpts(f *diff.File) []excerpt {
	width := 0
	for _, h := range f.Hunks {
		before, after := contexts(h)
		width = max(width, before, after)
	}
	ps := make([]excerpt, 0, len(f.Hunks))
	for _, h := range f.Hunks {
		p := excerpt{file: f, section: h.Section, lines: make([]line, 0, len(h.Lines))}
		for _, l := range h.Lines {
			p.lines = append(p.lines, line{Line: l})
		}
		_, after := contexts(h)
		p.ends = after < width || f.Kind == diff.Added || f.Kind == diff.Whole
		ps = append(ps, p)
	}
	return ps
}

// contexts counts the context lines at both ends of a hunk.
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

// first returns the number of the first line that exists after the change, or 0.
func (p *excerpt) first() int {
	for _, l := range p.lines {
		if l.New > 0 {
			return l.New
		}
	}
	return 0
}

// last returns the number of the last line that exists after the change, or 0.
func (p *excerpt) last() int {
	for i := len(p.lines) - 1; i >= 0; i-- {
		if n := p.lines[i].New; n > 0 {
			return n
		}
	}
	return 0
}

// numberEvery is the distance between numbered lines. Numbers cost many tokens, and
// the code that a finding quotes identifies its line exactly.
const numberEvery = 5

// text formats the excerpt for the model: each line begins with its sign, and some
// have their number before the sign.
func (p *excerpt) text() string {
	var b strings.Builder
	b.WriteString("@@")
	if p.section != "" {
		b.WriteString(" " + plain(p.section))
	}
	b.WriteByte('\n')
	first, before := p.first(), diff.Context
	for _, l := range p.lines {
		added := l.Op == diff.Add
		if l.New > 0 && (l.New == first || added && before != diff.Add || l.New%numberEvery == 0 && (added || p.file.Kind == diff.Whole)) {
			b.WriteString(strconv.Itoa(l.New))
		}
		before = l.Op
		b.WriteByte(byte(l.Op))
		b.WriteString(plain(l.Text))
		b.WriteByte('\n')
	}
	return b.String()
}

// plain returns a line without its carriage return, as valid UTF-8.
func plain(s string) string {
	s = strings.TrimSuffix(s, "\r")
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return s
}

// heading returns the line before the excerpts of a file.
func heading(f *diff.File) string {
	what := ""
	switch f.Kind {
	case diff.Added:
		what = " (new file)"
	case diff.Renamed:
		what = " (was " + diff.Name(f.Old) + ")"
	case diff.Copied:
		what = " (copy of " + diff.Name(f.Old) + ")"
	case diff.Whole:
		what = " (whole file)"
	}
	return fmt.Sprintf("=== %s%s\n", diff.Name(f.Path()), what)
}

// split divides an excerpt near its middle: after a blank line that is followed by an
// unindented one if possible, otherwise where a change ends. ok is false for a single
// line.
func (p *excerpt) split() (a, b excerpt, ok bool) {
	n := len(p.lines)
	if n < 2 {
		return excerpt{}, excerpt{}, false
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
	a = excerpt{file: p.file, section: p.section, lines: p.lines[:at]}
	b = excerpt{file: p.file, section: section(p.section, p.lines[:at]), lines: p.lines[at:], ends: p.ends}
	return a, b, true
}

// section returns the section of a line after lines: the last line that begins a
// function, as in git's hunk headers.
func section(before string, lines []line) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if l := lines[i]; l.Op != diff.Delete && isFunctionStart(l.Text) {
			return plain(l.Text)[:min(len(plain(l.Text)), 80)]
		}
	}
	return before
}

// isFunctionStart reports whether git takes a line for the start of a function: it
// begins with a letter, _ or $, unindented.
func isFunctionStart(s string) bool {
	return s != "" && (s[0] == '_' || s[0] == '$' || s[0] >= 'a' && s[0] <= 'z' || s[0] >= 'A' && s[0] <= 'Z')
}

func abs(n int) int { return max(n, -n) }
