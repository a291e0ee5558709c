package code

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A trimmer finds the end of a completion. Models continue too far: they repeat the
// following text, leave the function, or repeat themselves.
type trimmer struct {
	before string // the text before the cursor's line
	head   string // the cursor's line before the cursor
	tail   string // the cursor's line after the cursor
	next   string // the next line that is not blank; "": none
	empty  bool   // the line before the cursor's begins its block
	scope         // of the cursor's line
}

func newTrimmer(p Place) trimmer {
	c := trimmer{before: p.Text[:p.line()], head: p.head(), scope: scope{floor: -1}}
	rest := ""
	c.tail, rest, _ = strings.Cut(p.after(), "\n")
	for line := range strings.Lines(rest) {
		if line = strings.TrimRightFunc(line, unicode.IsSpace); line != "" {
			c.next = line
			break
		}
	}
	if c.head != "" {
		_, last := cutLastLine(c.before)
		c.empty = last != "" && indentation(last) < indentation(c.head)
		c.scope = c.scopeAt(indentation(c.head))
	}
	return c
}

// scopeAt returns the scope of a line that is indented by floor. The text may leave the block of
// the cursor, as far as enclosing says and down to the next line of the file: what follows a loop
// belongs to the function.
func (c *trimmer) scopeAt(floor int) scope {
	least, header := enclosing(c.before, floor)
	next := indentation(c.next)
	if c.next != "" && next >= floor {
		least = floor
	}
	return scope{floor: floor, least: min(floor, max(least, next)), nested: header != "" && !isContainer(header)}
}

// trim returns the part of a text after head to suggest. done reports that more text
// would not change it. ended means that the text is complete, and whole that the model
// ended it.
//
// A text that the model did not end is cut after its last paragraph or block, or else after
// its last complete line.
func (c *trimmer) trim(text string, ended, whole bool) (kept string, done bool) {
	first, rest, several := strings.Cut(text, "\n")
	if !blank(c.tail) {
		// The line continues after the cursor, so only this line is completed.
		kept, done = c.within(first, several || ended)
		return kept, done || several
	}
	if several && c.repeats(c.head+first) {
		return "", true
	}
	kept = first
	b := c.begin(first)
	unit := "" // the text up to its last paragraph or block
	for more := several; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		partial := !more && !whole
		switch {
		case b.isOutside(line):
			return finish(kept), true
		case partial && unit != "":
			return finish(unit), ended
		case partial:
			return finish(kept), ended // the line is incomplete
		case c.repeats(line), loops(kept, line), c.closesOuter(line, b):
			return finish(kept), true
		case blank(line) && b.open == 0 && !blank(kept):
			unit, b.paragraph = kept, true
		}
		kept += "\n" + line
		switch b.add(line) {
		case blockEnded:
			unit = kept
		case allEnded:
			return finish(kept), true
		}
	}
	return finish(kept), false
}

// closesOuter reports whether a line closes a block that was open at the cursor and that
// the file closes itself.
func (c *trimmer) closesOuter(line string, b *block) bool {
	in := indentation(line)
	switch {
	case !closes(line) || b.open > 0 || b.deeper && isEnd(line):
		return false
	case in == b.floor:
		return true
	}
	return depth(line, 0) == 0 && closes(c.next) && in <= indentation(c.next)
}

// within returns the part of a line that belongs before its tail.
func (c *trimmer) within(first string, complete bool) (kept string, done bool) {
	tail := strings.TrimRightFunc(c.tail, unicode.IsSpace)
	closer, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(tail, unicode.IsSpace))
	if at := unmatched(first, closer); at >= 0 {
		return first[:at], true
	}
	if !complete {
		return first, false
	}
	line := strings.TrimRightFunc(first, unicode.IsSpace)
	for _, tail := range []string{tail, strings.TrimSpace(tail)} {
		if text, ok := strings.CutSuffix(line, tail); ok {
			return text, true
		}
	}
	// The model may have started to write the tail.
	for n := min(len(tail), len(line)); n >= 3; n-- {
		if strings.HasSuffix(line, tail[:n]) {
			return line[:len(line)-n], true
		}
	}
	return line, true
}

// outdent removes the indentation that is already before the cursor from a text that
// starts at the beginning of the line. belongs is false if the text is indented less.
func outdent(head, text string) (_ string, belongs bool) {
	line, _, _ := strings.Cut(text, "\n")
	if !blank(line) && indentation(line) < indentation(head) {
		return "", false
	}
	n := 0
	for n < len(text) && n < len(head) && text[n] == head[n] {
		n++
	}
	return text[n:], true
}

// repeats reports whether a line equals the next line of the file.
func (c *trimmer) repeats(line string) bool {
	line = strings.TrimRightFunc(line, unicode.IsSpace)
	if line == "" || line != c.next {
		return false
	}
	return !trivial(line) || indentation(line) <= max(0, c.floor)
}

// loops reports whether a line has been repeated too often.
func loops(kept, line string) bool {
	if trivial(line) {
		return false
	}
	_, before, _ := strings.Cut(kept, "\n")
	n := 0
	for old := range strings.Lines(before) {
		if strings.TrimSuffix(old, "\n") == line {
			n++
		}
	}
	return n >= 2
}

// finish removes trailing space.
func finish(text string) string {
	if blank(text) {
		return ""
	}
	return strings.TrimRightFunc(text, unicode.IsSpace)
}
