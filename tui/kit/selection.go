package kit

import (
	"math"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// A Selection is the text selected with the mouse, as a terminal would select it. The next key
// clears it.
type Selection struct {
	from, to point
	Begun    bool // the button is down
}

// A point is a cell of the frame.
type point struct{ x, y int }

func (s *Selection) Begin(at tea.Mouse) {
	p := point{at.X, at.Y}
	*s = Selection{from: p, to: p, Begun: at.Button == tea.MouseLeft}
}

func (s *Selection) Extend(at tea.Mouse) {
	if s.Begun {
		s.to = point{at.X, at.Y}
	}
}

func (s *Selection) Dragged() bool { return s.from != s.to }

// span returns the selected part of a row in cells; ok is false if there is none.
func (s *Selection) span(y int) (from, to int, ok bool) {
	a, b := s.from, s.to
	if b.y < a.y || b.y == a.y && b.x < a.x {
		a, b = b, a
	}
	from, to = 0, math.MaxInt
	if y == a.y {
		from = max(0, a.x)
	}
	if y == b.y {
		to = b.x + 1
	}
	return from, to, s.Dragged() && y >= a.y && y <= b.y
}

// Mark highlights the selection in the lines of a frame.
func (s *Selection) Mark(lines []string) {
	reverse := lipgloss.NewStyle().Reverse(true)
	for y, line := range lines {
		from, to, ok := s.span(y)
		width := ansi.StringWidth(line)
		if to = min(to, width); !ok || from >= to {
			continue
		}
		lines[y] = ansi.Cut(line, 0, from) + reverse.Render(ansi.Strip(ansi.Cut(line, from, to))) + ansi.Cut(line, to, width)
	}
}

// Text returns the selected text without the common margin of its lines.
func (s *Selection) Text(lines []string) string {
	var texts []string
	margin := math.MaxInt
	for y, line := range lines {
		from, to, ok := s.span(y)
		if !ok {
			continue
		}
		text := strings.TrimRight(ansi.Strip(ansi.Cut(line, from, min(to, ansi.StringWidth(line)))), " ")
		if indent := len(text) - len(strings.TrimLeft(text, " ")); text != "" {
			margin = min(margin, from+indent)
		}
		texts = append(texts, strings.Repeat(" ", from)+text)
	}
	for i, text := range texts {
		texts[i] = text[min(margin, len(text)):]
	}
	return strings.Trim(strings.Join(texts, "\n"), "\n")
}
