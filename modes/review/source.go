package review

import (
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
)

// A source is the whole text of a file after the change.
type source struct {
	lines []string // without their newlines
	noEnd bool     // the last line has no newline
}

// sourceOf returns the source with the given text, or nil if the text does not contain
// the new lines of the diff: the project's folder may be at another commit. For a new
// or a whole file, the diff has the text.
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

// String returns the text of the file.
func (s *source) String() string {
	text := strings.Join(s.lines, "\n")
	if !s.noEnd {
		text += "\n"
	}
	return text
}

// A fileText has the available text of a file after the change: its source, or otherwise
// its excerpts.
type fileText struct {
	src *source
	ps  []excerpt
}

// line returns a line by its number, as context. ok is false if it is not available.
func (t *fileText) line(n int) (l diff.Line, ok bool) {
	if t.src != nil {
		if n < 1 || n > len(t.src.lines) {
			return l, false
		}
		return diff.Line{Op: diff.Context, Old: n, New: n, Text: t.src.lines[n-1], NoEnd: t.src.noEnd && n == len(t.src.lines)}, true
	}
	for i := range t.ps {
		if p := &t.ps[i]; n >= p.first() && n <= p.last() {
			for _, l := range p.lines {
				if l.New == n {
					return diff.Line{Op: diff.Context, Old: n, New: n, Text: l.Text, NoEnd: l.NoEnd}, true
				}
			}
		}
	}
	return l, false
}

// ends reports whether a line is certainly the last of the file.
func (t *fileText) ends(n int) bool {
	if t.src != nil {
		return n == len(t.src.lines)
	}
	for i := range t.ps {
		if p := &t.ps[i]; p.ends && n == p.last() {
			return true
		}
	}
	return false
}
