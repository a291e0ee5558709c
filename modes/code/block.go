package code

import "strings"

// A scope limits the indentation of lines.
type scope struct {
	floor  int  // the smallest indentation so far; -1: not known
	least  int  // the smallest that is possible
	nested bool // within a function
}

// A block is a text by its lines: where it is, and what it has begun. It ends with a function
// or another definition that is not nested, and at the top level with a paragraph or a block.
type block struct {
	scope
	scopeAt   func(floor int) scope
	open      int    // brackets
	header    string // the last line that is not indented more than floor
	deeper    bool   // a line after it is
	paragraph bool   // the last line was empty
}

// begin returns the block of the cursor's line.
func (c *trimmer) begin(first string) *block {
	b := &block{scope: c.scope, scopeAt: c.scopeAt, header: c.head + first}
	b.open = depth(b.header, 0)
	if b.floor < 0 && !blank(first) {
		b.scope = c.scopeAt(indentation(first))
	}
	return b
}

// isOutside reports whether a line, which can be incomplete, does not belong to the block.
func (b *block) isOutside(line string) bool {
	in := indentation(line)
	switch {
	case blank(line):
		return false
	case in < b.least:
		return true
	case b.open > 0 || in > b.floor:
		return false
	}
	return b.paragraph && b.floor <= 0 || b.deeper && b.defined() && !mayClose(line)
}

// defined reports whether the header begins a definition with which the block ends.
func (b *block) defined() bool { return !b.nested && defines(b.header) }

// An end is what a line ends.
type end int

const (
	nothing    end = iota
	blockEnded     // a block within the text
	allEnded       // the completion
)

// add adds a complete line.
func (b *block) add(line string) end {
	if blank(line) {
		return nothing
	}
	in, was := indentation(line), b.open
	if b.floor < 0 {
		b.scope = b.scopeAt(in)
	}
	b.floor = min(b.floor, in)
	b.paragraph = false
	b.open = depth(line, was)
	switch {
	case in > b.floor:
		b.deeper = true
		return nothing
	case was > 0 && b.open == 0, b.deeper && isEnd(line):
		if b.floor <= 0 || b.defined() {
			return allEnded
		}
		return blockEnded
	}
	b.header, b.deeper = line, false
	return nothing
}

// enclosing returns the line that begins the function, type or value around a line indented by
// floor, "" at the top level, and the smallest indentation of lines in it: they can leave
// loops and conditions, but nothing else.
func enclosing(before string, floor int) (least int, header string) {
	for in := floor; in > 0; {
		var line string
		before, line = cutLastLine(before)
		switch n := indentation(line); {
		case line == "":
			in = 0
		case n >= in:
		case strings.TrimSpace(line) == "{":
			in = n + 1 // the line above it opens the block
		case !isControl(line):
			return n + 1, line
		default:
			in = n
		}
	}
	return min(1, floor), ""
}
