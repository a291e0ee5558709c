package kit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// listedRows is how many rows of a list are told at once.
const listedRows = 20

// Describe is the list in lines that are read one by one.
func (l *List) Describe(actions []string) string {
	var b strings.Builder
	for _, s := range l.Intro {
		b.WriteString(s + "\n")
	}
	if l.Filter.Text != "" {
		fmt.Fprintf(&b, "Filtered by %q.\n", l.Filter.Text)
	}
	group := ""
	for i, r := range l.Rows[:min(len(l.Rows), listedRows)] {
		if r.Group != group {
			group = r.Group
			b.WriteString(Sentence(group) + "\n")
		}
		var filled []string
		for _, cell := range append(slices.Clone(r.Cells), r.Spoken) {
			if cell = strings.TrimSpace(ansi.Strip(cell)); cell != "" {
				filled = append(filled, cell)
			}
		}
		fmt.Fprintf(&b, "%d. %s\n", i+1, strings.Join(filled, ", "))
	}
	if rest := len(l.Rows) - listedRows; rest > 0 {
		fmt.Fprintf(&b, "And %d more; words narrow the list.\n", rest)
	}
	if len(l.Rows) == 0 {
		b.WriteString(strings.Join(l.Empty, "\n") + "\n")
	}
	for _, s := range l.Outro {
		b.WriteString(s + "\n")
	}
	fmt.Fprintf(&b, "A number chooses, words filter, an empty line goes back. Also, with a number: %s.", strings.Join(actions, ", "))
	return b.String()
}
