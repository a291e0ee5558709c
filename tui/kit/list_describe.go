package kit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// describedRows is how many rows are printed at once.
const describedRows = 20

// Describe returns the list as lines for the plain interface.
func (l *List) Describe() string {
	var b strings.Builder
	for _, s := range l.Intro {
		b.WriteString(s + "\n")
	}
	if l.Filter.Text != "" {
		fmt.Fprintf(&b, "Filtered by %q.\n", l.Filter.Text)
	}
	group := ""
	for i, r := range l.Rows[:min(len(l.Rows), describedRows)] {
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
	if rest := len(l.Rows) - describedRows; rest > 0 {
		fmt.Fprintf(&b, "And %d more.\n", rest)
	}
	if len(l.Rows) == 0 {
		b.WriteString(strings.Join(l.Empty, "\n") + "\n")
	}
	for _, s := range l.Outro {
		b.WriteString(s + "\n")
	}
	return b.String()
}
