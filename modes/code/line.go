package code

import (
	"slices"
	"strings"
	"unicode"
)

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

// cutLastLine returns the last line of a text that is not blank, and what is before it.
func cutLastLine(text string) (before, line string) {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	start := strings.LastIndexByte(text, '\n') + 1
	return text[:start], text[start:]
}

const brackets = "()[]{}"

// depth returns the number of open brackets after a line, given the number before it. A
// bracket that closes an earlier one does not count.
func depth(line string, open int) int {
	for _, r := range line {
		if i := strings.IndexRune(brackets, r); i >= 0 {
			open = max(0, open+1-2*(i%2))
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
	return line != "" && strings.ContainsRune(")]}", rune(line[0])) || isEnd(line)
}

// mayClose reports whether a line, which can be incomplete, starts with the end of a block.
func mayClose(line string) bool {
	return closes(line) || strings.HasPrefix("end", strings.TrimSpace(line))
}

// isEnd reports whether a line ends a block in the manner of Ruby and Lua.
func isEnd(line string) bool { return strings.TrimSpace(line) == "end" }

// trivial reports whether a line could stand anywhere: it has no word.
func trivial(line string) bool {
	line = strings.TrimSpace(line)
	return line == "end" || line == "else" || !strings.ContainsFunc(line, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// controls begin lines that open a block within a function.
var controls = []string{
	"if", "else", "elif", "elsif", "elseif", "unless", "for", "foreach", "while", "until", "do", "loop", "repeat",
	"switch", "case", "default", "select", "match", "when", "try", "catch", "except", "rescue", "ensure", "finally", "with",
}

// isControl reports whether a line begins a loop, a condition or another block within a function.
func isControl(line string) bool {
	line = strings.TrimLeft(line, ")]} \t")
	end := strings.IndexAny(line, " ({:")
	if end < 0 {
		end = len(line)
	}
	return slices.Contains(controls, line[:end])
}

// functions and containers are the words before a name that is being defined.
var (
	functions  = []string{"def", "func", "fn", "fun", "function", "sub", "proc"}
	containers = []string{
		"class", "struct", "interface", "enum", "union", "record", "object",
		"trait", "impl", "protocol", "extension", "module", "namespace", "package",
	}
)

// defines reports whether a line begins a function, a type or a module.
func defines(line string) bool {
	words := named(line)
	if hasWord(words, functions) || hasWord(words, containers) {
		return true
	}
	// A method of a language without such a word: its block is not a value.
	return strings.HasSuffix(strings.TrimSpace(line), "{") && !isControl(line) && !strings.ContainsRune(line, '=') &&
		!slices.Contains(words, "return")
}

// isContainer reports whether a line begins a type or a module, which has functions.
func isContainer(line string) bool { return hasWord(named(line), containers) }

// named returns the words that a line begins with, up to what can be a name; nil for a variable.
func named(line string) []string {
	end := strings.IndexAny(line, "(={:")
	if end < 0 {
		end = len(line)
	}
	if strings.HasPrefix(line[end:], "=") {
		return nil
	}
	return strings.Fields(line[:end])
}

func hasWord(words, list []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(list, w) })
}
