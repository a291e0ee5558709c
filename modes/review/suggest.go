package review

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
)

const (
	// maxNew is how many lines a replacement has at most.
	maxNew = 60
	// width is how many lines of context patches have, as git's.
	width = 3
)

// suggest makes a suggestion of the replacement that a claim has, if it is one
// that can be made: it changes something, it keeps brackets in balance, and its hunk
// applies.
func (g *ground) suggest(replacement string, f *Finding) *Suggestion {
	old := make([]string, 0, f.EndLine-f.Line+1)
	for n := f.Line; n <= f.EndLine; n++ {
		l, ok := g.line(n)
		if !ok {
			return nil
		}
		old = append(old, l.Text)
	}
	new := replacing(replacement, old)
	if len(new) > maxNew || balance(old) != balance(new) {
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
	hunk, ok := g.hunk([]*Suggestion{s}, 0)
	if !ok {
		return nil
	}
	if g.src != nil {
		if _, err := diff.Apply(g.src.String(), []diff.Hunk{hunk}); err != nil {
			return nil
		}
	}
	s.Hunk = hunk
	return s
}

// replacing gives the lines of a replacement, with the indentation and the line
// ends of those that it replaces where the model has lost them.
func replacing(text string, old []string) []string {
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
	if len(old) > 0 && all(old, func(l string) bool { return strings.HasSuffix(l, "\r") }) {
		for i := range lines {
			lines[i] += "\r"
		}
	}
	return lines
}

// all reports whether there are lines and all are so.
func all(lines []string, so func(string) bool) bool {
	return len(lines) > 0 && !slices.ContainsFunc(lines, func(l string) bool { return !so(l) })
}

// balance counts how many brackets of each kind lines leave open. Those in
// strings and comments count too: a replacement that changes them is one to doubt.
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

// joined is a text of lines.
func joined(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// hunk makes one hunk of suggestions that follow one another closely. Earlier
// hunks have moved what comes after them by so many lines. It is false when
// something in between is not known, or too little after it to find the place by.
func (g *ground) hunk(edits []*Suggestion, moved int) (diff.Hunk, bool) {
	var h diff.Hunk
	keep := func(from, to int) bool {
		for n := from; n <= to; n++ {
			l, ok := g.line(n)
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
		if _, ok := g.line(start - 1); !ok {
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
			l, ok := g.line(n)
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
	if after == 0 && !g.ends(next-1) {
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

// patch makes one change of a file of all suggestions, in their order of
// preference: one that touches lines of another before it is left out.
func (g *ground) patch(f *diff.File, edits []*Suggestion) (diff.File, bool) {
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
		h, ok := g.hunk(taken[:n], moved)
		if !ok { // what lies between is not known, so they are far enough apart
			n = 1
			h, ok = g.hunk(taken[:1], moved)
		}
		if ok {
			out.Hunks = append(out.Hunks, h)
			moved += h.New.Count - h.Old.Count
		}
		taken = taken[n:]
	}
	return out, len(out.Hunks) > 0
}
