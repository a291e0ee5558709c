package markdown

import (
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
)

// ExpandTabs replaces the tabs in plain text by spaces up to the next tab stop. Stops
// are 8 columns apart, as in a terminal, so that columns stay aligned. In text with
// tabs only at the beginning of lines they are 4 apart, which suits code.
func ExpandTabs(s string) string {
	if !strings.Contains(s, "\t") {
		return s
	}
	stop := 4
	for line := range strings.Lines(s) {
		if strings.Contains(strings.TrimSpace(line), "\t") {
			stop = 8
			break
		}
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		column := 0
		for {
			text, rest, ok := strings.Cut(line, "\t")
			b.WriteString(text)
			if !ok {
				break
			}
			column += xansi.StringWidth(text)
			spaces := stop - column%stop
			b.WriteString(strings.Repeat(" ", spaces))
			column, line = column+spaces, rest
		}
	}
	return b.String()
}
