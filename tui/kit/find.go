package kit

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// A RowSpan is a part of a row, in columns.
type RowSpan struct{ Row, From, To int }

// FindInRows finds matches in drawn rows, each as the spans that it takes: several if the text is
// wrapped in it. Rows are joined with spaces, because they are broken at spaces. match returns the
// matches in a text.
func FindInRows(rows []string, match func(text string) []Span) [][]RowSpan {
	type piece struct{ start, end, row, column int }
	var text strings.Builder
	var pieces []piece
	for row, line := range rows {
		plain := strings.TrimRight(ansi.Strip(line), " ")
		trimmed := strings.TrimLeft(plain, " ")
		if trimmed == "" {
			continue
		}
		if text.Len() > 0 {
			text.WriteByte(' ')
		}
		pieces = append(pieces, piece{text.Len(), text.Len() + len(trimmed), row, len(plain) - len(trimmed)})
		text.WriteString(trimmed)
	}
	var found [][]RowSpan
	all := text.String()
	for _, s := range match(all) {
		var spans []RowSpan
		for _, p := range pieces {
			if from, to := max(s.From, p.start), min(s.To, p.end); from < to {
				column := p.column + Width(all[p.start:from])
				spans = append(spans, RowSpan{p.row, column, column + Width(all[from:to])})
			}
		}
		if len(spans) > 0 {
			found = append(found, spans)
		}
	}
	return found
}

// MarkRow draws a part of a row in a style, instead of its usual style.
func MarkRow(row string, s RowSpan, style lipgloss.Style) string {
	return ansi.Cut(row, 0, s.From) + style.Render(ansi.Strip(ansi.Cut(row, s.From, s.To))) + ansi.Cut(row, s.To, Width(row))
}
