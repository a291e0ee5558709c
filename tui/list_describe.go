package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// listedRows is how many rows of a list are told at once.
const listedRows = 20

// describe is the list in lines that are read one by one.
func (l *list) describe(actions []string) string {
	var b strings.Builder
	for _, s := range l.intro {
		b.WriteString(s + "\n")
	}
	if l.filter.text != "" {
		fmt.Fprintf(&b, "Filtered by %q.\n", l.filter.text)
	}
	group := ""
	for i, r := range l.rows[:min(len(l.rows), listedRows)] {
		if r.group != group {
			group = r.group
			b.WriteString(Sentence(group) + "\n")
		}
		var filled []string
		for _, cell := range append(slices.Clone(r.cells), r.said) {
			if cell = strings.TrimSpace(ansi.Strip(cell)); cell != "" {
				filled = append(filled, cell)
			}
		}
		fmt.Fprintf(&b, "%d. %s\n", i+1, strings.Join(filled, ", "))
	}
	if rest := len(l.rows) - listedRows; rest > 0 {
		fmt.Fprintf(&b, "And %d more; words narrow the list.\n", rest)
	}
	if len(l.rows) == 0 {
		b.WriteString(strings.Join(l.empty, "\n") + "\n")
	}
	for _, s := range l.outro {
		b.WriteString(s + "\n")
	}
	fmt.Fprintf(&b, "A number chooses, words filter, an empty line goes back. Also, with a number: %s.", strings.Join(actions, ", "))
	return b.String()
}
