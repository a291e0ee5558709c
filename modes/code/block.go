package code

import (
	"strings"
	"unicode"
)

// A block is a text by its lines: where it is, and what it has begun. It ends with a function
// or another definition, and at the top level with a paragraph or a block.
type block struct {
	leastAt   func(floor int) int
	floor     int    // the indentation of the cursor's line; -1: not known
	least     int    // the smallest indentation of a line
	open      int    // brackets
	header    string // the last line that is not indented more than floor
	deeper    bool   // a line after it is
	paragraph bool   // the last line was empty
}

// begin returns the block of the cursor's line.
func (c *trimmer) begin(first string) *block {
	b := &block{leastAt: c.leastAt, floor: c.floor, least: c.least, header: c.head + first}
	b.open = depth(b.header, 0)
	if b.floor < 0 && !blank(first) {
		b.floor = indentation(first)
		b.least = c.leastAt(b.floor)
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
	return b.paragraph && b.floor <= 0 || b.deeper && defines(b.header) && !mayClose(line)
}

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
		b.floor, b.least = in, b.leastAt(in)
	}
	b.paragraph = false
	b.open = depth(line, was)
	switch {
	case in > b.floor:
		b.deeper = true
		return nothing
	case was > 0 && b.open <= 0, b.deeper && isEnd(line):
		if b.floor <= 0 || defines(b.header) {
			return allEnded
		}
		return blockEnded
	}
	b.header, b.deeper = line, false
	return nothing
}

// outermost returns the smallest indentation of a line that can follow a line indented by
// floor in the same function: it leaves loops and conditions, but nothing else.
func outermost(before string, floor int) int {
	for in := floor; in > 0; {
		before = strings.TrimRightFunc(before, unicode.IsSpace)
		start := strings.LastIndexByte(before, '\n') + 1
		line := before[start:]
		before = before[:start]
		switch n := indentation(line); {
		case line == "":
			return min(1, floor)
		case n >= in:
		case strings.TrimSpace(line) == "{":
			in = n + 1 // the line above it opens the block
		case !isControl(line):
			return n + 1
		default:
			in = n
		}
	}
	return min(1, floor) // not the top level
}
