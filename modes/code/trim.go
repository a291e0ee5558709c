package code

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A trimmer finds the end of a completion. Models continue too far: they repeat the
// following text, leave the block, or repeat themselves.
type trimmer struct {
	head  string   // the cursor's line before the cursor
	tail  string   // the cursor's line after the cursor
	next  []string // the following lines that are not blank
	floor int      // the minimum indentation of lines; -1: any
}

// maxNext limits the following lines that are compared.
const maxNext = 3

func newTrimmer(p Place) trimmer {
	c := trimmer{head: p.head(), floor: -1}
	rest := ""
	c.tail, rest, _ = strings.Cut(p.after(), "\n")
	for line := range strings.Lines(rest) {
		if line = strings.TrimRightFunc(line, unicode.IsSpace); line != "" {
			if c.next = append(c.next, line); len(c.next) == maxNext {
				break
			}
		}
	}
	if c.head != "" {
		c.floor = indentation(c.head)
	}
	return c
}

// trim returns the part of a text after head to suggest. done reports that more text
// would not change it. ended means that the text is complete, and whole that the model
// ended it; otherwise an incomplete last line is dropped, unless it is the only one.
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
	open := depth(c.head+first, 0)
	floor := c.floor
	if floor < 0 && !blank(first) {
		floor = indentation(first)
	}
	for more := several; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		partial := !more && !whole
		switch {
		case !blank(line) && indentation(line) < floor:
			return finish(kept), true // outside the block
		case partial:
			return finish(kept), ended // the line is incomplete
		case c.repeats(line), loops(kept, line):
			return finish(kept), true
		case blank(line):
			if open <= 0 && !blank(kept) {
				return finish(kept), true // one paragraph at a time
			}
		case floor < 0:
			floor = indentation(line)
		case open <= 0 && closes(line) && indentation(line) == floor:
			return finish(kept), true // it closes an outer block
		}
		was := open
		open = depth(line, open)
		kept += "\n" + line
		if was > 0 && open <= 0 && indentation(line) <= floor {
			return finish(kept), true // the block is complete
		}
	}
	return finish(kept), false
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
	if len(c.next) == 0 || line != c.next[0] {
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

// tabWidth is the width of a tab when indentations are compared.
const tabWidth = 4

// indentation returns the column of the first character that is not white space.
func indentation(line string) int {
	n := 0
	for _, r := range line {
		switch r {
		case ' ':
			n++
		case '\t':
			n += tabWidth - n%tabWidth
		default:
			return n
		}
	}
	return n
}

const brackets = "()[]{}"

// depth returns the number of open brackets after a line, given the number before it.
func depth(line string, open int) int {
	for _, r := range line {
		if i := strings.IndexRune(brackets, r); i >= 0 {
			open += 1 - 2*(i%2)
		}
	}
	return open
}

// unmatched returns the offset of the first closer without an opening bracket in the
// line, or -1.
func unmatched(line string, closer rune) int {
	kind := strings.IndexRune(brackets, closer)
	if kind < 0 || kind%2 == 0 {
		return -1
	}
	open := 0
	for i, r := range line {
		switch r {
		case rune(brackets[kind-1]):
			open++
		case closer:
			if open--; open < 0 {
				return i
			}
		}
	}
	return -1
}

// closes reports whether a line starts with the end of a block.
func closes(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && strings.ContainsRune(")]}", rune(line[0])) || line == "end"
}

// trivial reports whether a line could stand anywhere: it has no word.
func trivial(line string) bool {
	line = strings.TrimSpace(line)
	return line == "end" || line == "else" || !strings.ContainsFunc(line, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
