package term

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Marks in the rows of a frame say which part of a row is text and how rows belong together, so
// that a selection can be copied without what the layout added. They are styles without an
// effect (alternative fonts), which pass through every function that passes styles on. [Unmark]
// removes them before a row reaches the terminal.
const (
	// WrappedAtSpace ends a row whose line continues in the next row, after a space.
	WrappedAtSpace = "\x1b[10m"
	// WrappedInWord ends a row whose line continues in the next row.
	WrappedInWord = "\x1b[11m"
	// TextStart follows what is left of a row's text, such as a bar.
	TextStart = "\x1b[12m"
	// TextEnd comes before what is right of a row's text, such as a label.
	TextEnd = "\x1b[13m"
)

var unmark = strings.NewReplacer(WrappedAtSpace, "", WrappedInWord, "", TextStart, "", TextEnd, "")

// Unmark removes the marks.
func Unmark(s string) string { return unmark.Replace(s) }

// WrapMarked wraps a styled text to a width, and marks the rows whose line continues.
func WrapMarked(s string, width int) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		rows := strings.Split(ansi.Wrap(line, width, ""), "\n")
		rest := ansi.Strip(line)
		for i, row := range rows[:len(rows)-1] {
			rest = strings.TrimPrefix(rest, ansi.Strip(row))
			if trimmed := strings.TrimLeft(rest, " "); trimmed != rest {
				rest = trimmed
				rows[i] += WrappedAtSpace
			} else {
				rows[i] += WrappedInWord
			}
		}
		out = append(out, rows...)
	}
	return strings.Join(out, "\n")
}
