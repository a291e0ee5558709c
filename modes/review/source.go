package review

import (
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
)

// A source is a file as it is after the change.
type source struct {
	lines []string // without their newlines
	noEnd bool     // the last one has none
}

// sourceOf gives the file of a text, if it is the one that the diff leads to: the
// project's folder may be at another commit. A file that is new, or is looked at
// whole, needs no text.
func sourceOf(f *diff.File, text string) *source {
	s := &source{}
	if (f.Kind == diff.Added || f.Kind == diff.Whole) && !f.Damaged && len(f.Hunks) == 1 {
		for _, l := range f.Hunks[0].Lines {
			s.lines = append(s.lines, l.Text)
			s.noEnd = l.NoEnd
		}
		return s
	}
	if text == "" {
		return nil
	}
	for l := range strings.Lines(text) {
		s.lines = append(s.lines, strings.TrimSuffix(l, "\n"))
	}
	s.noEnd = !strings.HasSuffix(text, "\n")
	for _, h := range f.Hunks {
		for _, l := range h.Lines {
			if l.New > 0 && (l.New > len(s.lines) || s.lines[l.New-1] != l.Text) {
				return nil
			}
		}
	}
	return s
}

// String is the file's text.
func (s *source) String() string {
	text := strings.Join(s.lines, "\n")
	if !s.noEnd {
		text += "\n"
	}
	return text
}

// A ground is all that is known of a file after the change: its source, or else
// the passages of it.
type ground struct {
	src *source
	ps  []passage
}

// line is a line by its number, as context; ok is false where it is not known.
func (g *ground) line(n int) (l diff.Line, ok bool) {
	if g.src != nil {
		if n < 1 || n > len(g.src.lines) {
			return l, false
		}
		return diff.Line{Op: diff.Context, Old: n, New: n, Text: g.src.lines[n-1], NoEnd: g.src.noEnd && n == len(g.src.lines)}, true
	}
	for i := range g.ps {
		if p := &g.ps[i]; n >= p.first() && n <= p.last() {
			for _, l := range p.lines {
				if l.New == n {
					return diff.Line{Op: diff.Context, Old: n, New: n, Text: l.Text, NoEnd: l.NoEnd}, true
				}
			}
		}
	}
	return l, false
}

// ends reports whether a line is known to be the file's last.
func (g *ground) ends(n int) bool {
	if g.src != nil {
		return n == len(g.src.lines)
	}
	for i := range g.ps {
		if p := &g.ps[i]; p.ends && n == p.last() {
			return true
		}
	}
	return false
}
