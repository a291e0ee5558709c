package markdown

import "strings"

// Blocks splits a growing Markdown text into its top-level blocks. It splits only
// where later text cannot change the block before: after a heading, around fenced
// code, and at empty lines that end a block. The zero Blocks is empty.
type Blocks struct {
	block strings.Builder // complete lines of the growing block
	line  string          // the growing line
	kind  kind            // of the block
	fence string          // the run of ` or ~ that opened the code, or what closes the formula, or ""
	empty bool            // the last line of the block was empty
}

type kind int

const (
	none kind = iota
	prose
	list
	indented
	fenced
	displayed // mathematics
)

// Add appends to the text and returns the blocks that this finished.
func (b *Blocks) Add(piece string) []string {
	var done []string
	for {
		end := strings.IndexByte(piece, '\n')
		if end < 0 {
			b.line += piece
			if b.ended() {
				line := b.line
				done = b.finish(done)
				b.line = line
			}
			return done
		}
		line := b.line + piece[:end+1]
		b.line, piece = "", piece[end+1:]
		done = b.read(line, done)
	}
}

// Growing returns the text of the unfinished block.
func (b *Blocks) Growing() string { return b.block.String() + b.line }

// Cut finishes the growing block before its end, for callers that cannot draw a
// block of any length. ok is false when the block has no complete line, or cannot be
// cut, such as a table. The next text continues the same kind of block; code gets a
// new opening fence.
func (b *Blocks) Cut() (block string, ok bool) {
	text := b.block.String()
	switch {
	case text == "" || b.kind == displayed || b.kind == list && b.fence != "" || b.kind == prose && strings.Contains(text, "|"):
		return "", false
	case b.kind == fenced:
		opening, _, _ := strings.Cut(text, "\n")
		if len(text) == len(opening)+1 {
			return "", false
		}
		b.block.Reset()
		b.block.WriteString(opening + "\n")
		return text + b.fence + "\n", true
	}
	b.block.Reset()
	return text, true
}

// Rest ends the text and returns the unfinished blocks.
func (b *Blocks) Rest() []string {
	var done []string
	if line := b.line; line != "" {
		b.line = ""
		done = b.read(line, done)
	}
	if b.kind != none {
		done = b.finish(done)
	}
	*b = Blocks{}
	return done
}

// ended reports whether the growing line begins a new block, whatever follows in it.
func (b *Blocks) ended() bool {
	indent, body := measure(b.line)
	if !b.empty || b.fence != "" || body == "" {
		return false
	}
	switch b.kind {
	case list:
		return indent < 2 && !strings.ContainsRune("-*+0123456789", rune(body[0]))
	case indented:
		return indent < 4
	}
	return b.kind != none
}

// read takes one complete line and appends the blocks that it finishes.
func (b *Blocks) read(line string, done []string) []string {
	indent, body := measure(line)
	if b.kind == displayed {
		return b.readMath(line, body, done)
	}
	if b.fence != "" {
		b.block.WriteString(line)
		if closesFence(body, b.fence) && (indent < 4 || b.kind == list) {
			b.fence, b.empty = "", false
			if b.kind == fenced {
				return b.finish(done)
			}
		}
		return done
	}
	if body == "" {
		if b.kind != none {
			b.block.WriteString(line)
			b.empty = true
		}
		return done
	}
	fence, math := openingFence(body), displayCloser(body)
	switch {
	case b.kind == none:
	case b.kind == list && indent >= 2, b.kind == indented && indent >= 4:
		if b.kind == list {
			b.fence = fence // empty lines in an item's code end nothing
		}
		b.empty = false
		b.block.WriteString(line)
		return done
	case b.kind == list && isItem(body):
		b.empty = false
		b.block.WriteString(line)
		return done
	case b.empty || (fence != "" || math != "" && fillsLine(body, math)) && indent < 4:
		done = b.finish(done)
	default:
		b.block.WriteString(line)
		return done
	}
	b.block.WriteString(line)
	switch {
	case indent >= 4:
		b.kind = indented
	case fence != "":
		b.kind, b.fence = fenced, fence
	case math != "" && fillsLine(body, math):
		b.kind, b.fence = displayed, math
		if strings.Contains(body[2:], math) {
			return b.finish(done)
		}
	case isHeading(body):
		return b.finish(done)
	case isItem(body):
		b.kind = list
	default:
		b.kind = prose
	}
	return done
}

// readMath takes a line of a formula. An empty line ends it, because formulas have
// none: so a delimiter that is never closed affects only one paragraph.
func (b *Blocks) readMath(line, body string, done []string) []string {
	b.block.WriteString(line)
	if body == "" || endsMath(body, b.fence) {
		return b.finish(done)
	}
	return done
}

// fillsLine reports whether the formula that a line begins with, closed by math,
// fills the line or continues in the next.
func fillsLine(body, math string) bool {
	_, after, closed := strings.Cut(body[2:], math)
	return !closed || endsSentence(after)
}

func (b *Blocks) finish(done []string) []string {
	done = append(done, b.block.String())
	*b = Blocks{}
	return done
}

// measure returns a line's indentation in columns, and the rest without trailing
// white space.
func measure(line string) (indent int, body string) {
	body = strings.TrimRight(line, " \t\r\n")
	for i, r := range body {
		switch r {
		case ' ':
			indent++
		case '\t':
			indent += 4 - indent%4
		default:
			return indent, body[i:]
		}
	}
	return 0, ""
}

// openingFence returns the fence with which a line opens code, "" for none.
func openingFence(body string) string {
	for _, mark := range []string{"`", "~"} {
		rest := strings.TrimLeft(body, mark)
		if n := len(body) - len(rest); n >= 3 && (mark == "~" || !strings.Contains(rest, "`")) {
			return body[:n]
		}
	}
	return ""
}

// closesFence reports whether a line closes the code that fence opened.
func closesFence(body, fence string) bool {
	return len(body) >= len(fence) && strings.Trim(body, fence[:1]) == ""
}

// isHeading reports whether a line is an ATX heading.
func isHeading(body string) bool {
	rest := strings.TrimLeft(body, "#")
	n := len(body) - len(rest)
	return n >= 1 && n <= 6 && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

// isItem reports whether a line begins a list item.
func isItem(body string) bool {
	digits := strings.TrimLeft(body, "0123456789")
	if n := len(body) - len(digits); n > 0 && n <= 9 {
		return isMarked(digits, ".)")
	}
	return isMarked(body, "-*+") && !isRule(body)
}

// isMarked reports whether a line begins with one of the marks and a space.
func isMarked(body, marks string) bool {
	return body != "" && strings.ContainsRune(marks, rune(body[0])) && (len(body) == 1 || body[1] == ' ' || body[1] == '\t')
}

// isRule reports whether a line is a thematic break, such as * * *.
func isRule(body string) bool {
	bare := strings.NewReplacer(" ", "", "\t", "").Replace(body)
	return len(bare) >= 3 && strings.Trim(bare, bare[:1]) == ""
}
