package review

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
)

const (
	// maxNew limits the lines of a replacement.
	maxNew = 60
	// width is the number of context lines in patches, the same as in git.
	width = 3
)

// suggest converts the replacement in a claim to a suggestion. It returns nil if the
// replacement changes nothing, unbalances brackets, does not apply, or would change bytes
// that the model did not see.
func (t *fileText) suggest(replacement string, f *Finding) *Suggestion {
	old := make([]string, 0, f.EndLine-f.Line+1)
	for n := f.Line; n <= f.EndLine; n++ {
		l, ok := t.line(n)
		if !ok {
			return nil
		}
		old = append(old, l.Text)
	}
	new, ok := restore(old, replacementLines(replacement, old), t.encoded())
	if !ok || len(new) > maxNew || balance(old) != balance(new) {
		return nil
	}
	from, to := f.Line, f.EndLine
	for len(old) > 0 && len(new) > 0 && old[0] == new[0] {
		old, new, from = old[1:], new[1:], from+1
	}
	for len(old) > 0 && len(new) > 0 && old[len(old)-1] == new[len(new)-1] {
		old, new, to = old[:len(old)-1], new[:len(new)-1], to-1
	}
	if len(old) == 0 && len(new) == 0 {
		return nil
	}
	s := &Suggestion{Line: from, EndLine: to, Old: joined(old), New: joined(new)}
	hunk, ok := t.hunk([]*Suggestion{s}, 0)
	if !ok {
		return nil
	}
	if t.src != nil {
		if _, err := diff.Apply(t.src.String(), []diff.Hunk{hunk}); err != nil {
			return nil
		}
	}
	s.Hunk = hunk
	return s
}

// replacementLines returns the lines of a replacement. It restores the indentation of the
// replaced lines where the model omitted it.
func replacementLines(text string, old []string) []string {
	var lines []string
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\r\n")
		if !strings.HasPrefix(strings.TrimSpace(l), "```") {
			lines = append(lines, l)
		}
	}
	if all(lines, func(l string) bool { return strings.HasPrefix(l, "+") }) {
		for i := range lines {
			lines[i] = lines[i][1:]
		}
	}
	indent := ""
	for _, l := range old {
		if strings.TrimSpace(l) != "" {
			indent = l[:len(l)-len(strings.TrimLeft(l, " \t"))]
			break
		}
	}
	if len(lines) > 0 && indent != "" && !strings.HasPrefix(lines[0], " ") && !strings.HasPrefix(lines[0], "\t") {
		for i, l := range lines {
			if l != "" {
				lines[i] = indent + l
			}
		}
	}
	return lines
}

// all reports whether there is at least one line and ok is true for each.
func all(lines []string, ok func(string) bool) bool {
	return len(lines) > 0 && !slices.ContainsFunc(lines, func(l string) bool { return !ok(l) })
}

// balance counts the unclosed brackets of each kind. It counts brackets in strings and
// comments too: a replacement that changes those is unlikely to be right.
func balance(lines []string) (open [3]int) {
	for _, l := range lines {
		for i := range len(l) {
			if at := strings.IndexByte("([{", l[i]); at >= 0 {
				open[at]++
			} else if at := strings.IndexByte(")]}", l[i]); at >= 0 {
				open[at]--
			}
		}
	}
	return open
}

// joined joins lines to a text.
func joined(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// hunk combines neighbouring suggestions into one hunk. moved is the number of lines
// that earlier hunks added. It returns false if a line between the suggestions is not
// available, or if there is no context after the last one.
func (t *fileText) hunk(edits []*Suggestion, moved int) (diff.Hunk, bool) {
	var h diff.Hunk
	keep := func(from, to int) bool {
		for n := from; n <= to; n++ {
			l, ok := t.line(n)
			if !ok {
				return false
			}
			h.Lines = append(h.Lines, l)
		}
		return true
	}
	first := edits[0].Line
	start := first
	for start > 1 && start > first-width {
		if _, ok := t.line(start - 1); !ok {
			break
		}
		start--
	}
	next := start
	for _, e := range edits {
		if e.Line < next || !keep(next, e.Line-1) {
			return diff.Hunk{}, false
		}
		noEnd := false
		for n := e.Line; n <= e.EndLine; n++ {
			l, ok := t.line(n)
			if !ok {
				return diff.Hunk{}, false
			}
			l.Op = diff.Delete
			noEnd = l.NoEnd
			h.Lines = append(h.Lines, l)
		}
		if n := len(h.Lines); e.New != "" && n > 0 && h.Lines[n-1].Op == diff.Context && h.Lines[n-1].NoEnd {
			return diff.Hunk{}, false // the line before would have to change too
		}
		for text := range strings.Lines(e.New) {
			h.Lines = append(h.Lines, diff.Line{Op: diff.Add, Text: strings.TrimSuffix(text, "\n")})
		}
		h.Lines[len(h.Lines)-1].NoEnd = noEnd
		next = e.EndLine + 1
	}
	after := 0
	for ; after < width && keep(next, next); after++ {
		next++
	}
	if after == 0 && !t.ends(next-1) {
		return diff.Hunk{}, false
	}
	h.Old, h.New = diff.Span{Start: start}, diff.Span{Start: start + moved}
	for i := range h.Lines {
		l := &h.Lines[i]
		l.Old, l.New = 0, 0
		if l.Op != diff.Add {
			l.Old = h.Old.Start + h.Old.Count
			h.Old.Count++
		}
		if l.Op != diff.Delete {
			l.New = h.New.Start + h.New.Count
			h.New.Count++
		}
	}
	if h.Old.Count == 0 {
		h.Old.Start--
	}
	if h.New.Count == 0 {
		h.New.Start--
	}
	return h, true
}

// patch combines suggestions for one file, given in order of preference. A suggestion
// that overlaps an earlier one is left out.
func (t *fileText) patch(f *diff.File, edits []*Suggestion) (diff.File, bool) {
	var taken []*Suggestion
	for _, e := range edits {
		if !slices.ContainsFunc(taken, func(t *Suggestion) bool { return e.Line <= t.EndLine+1 && t.Line <= e.EndLine+1 }) {
			taken = append(taken, e)
		}
	}
	slices.SortFunc(taken, func(a, b *Suggestion) int { return cmp.Compare(a.Line, b.Line) })
	out := diff.File{Old: f.Path(), New: f.Path(), Kind: diff.Modified}
	moved := 0
	for len(taken) > 0 {
		n := 1
		for n < len(taken) && taken[n].Line-taken[n-1].EndLine <= 2*width {
			n++
		}
		h, ok := t.hunk(taken[:n], moved)
		if !ok { // the lines between are not available, so the suggestions are far apart
			n = 1
			h, ok = t.hunk(taken[:1], moved)
		}
		if ok {
			out.Hunks = append(out.Hunks, h)
			moved += h.New.Count - h.Old.Count
		}
		taken = taken[n:]
	}
	return out, len(out.Hunks) > 0
}
