package markdown

import (
	"fmt"
	"regexp"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
)

// A screen is as much of a terminal as the printer uses: it wraps, scrolls,
// keeps what has scrolled away, and moves up no further than its top row.
type screen struct {
	columns, rows int
	lines         []string // all rows, those that scrolled away first
	row           int
}

func newScreen(columns, rows int) *screen {
	return &screen{columns: columns, rows: rows, lines: []string{""}}
}

var (
	sequence  = regexp.MustCompile(`^\x1b\[([?0-9;]*)([A-Za-z])`)
	hyperlink = regexp.MustCompile(`^\x1b\]8;[^\a]*\a`)
)

func (s *screen) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		if m := sequence.FindStringSubmatch(text); m != nil {
			s.command(m[1], m[2])
			text = text[len(m[0]):]
			continue
		}
		if m := hyperlink.FindString(text); m != "" {
			text = text[len(m):]
			continue
		}
		cluster, width := xansi.FirstGraphemeCluster(text, xansi.GraphemeWidth)
		text = text[len(cluster):]
		switch cluster {
		case "\n":
			s.down()
		case "\r":
			// What is written next begins the row anew; the printer always clears
			// it first.
		default:
			if xansi.StringWidth(s.lines[s.row])+width > s.columns {
				s.down()
			}
			s.lines[s.row] += cluster
		}
	}
	return len(p), nil
}

func (s *screen) down() {
	s.row++
	if s.row == len(s.lines) {
		s.lines = append(s.lines, "")
	}
}

func (s *screen) command(args, final string) {
	switch final {
	case "A":
		n := 1
		fmt.Sscanf(args, "%d", &n)
		s.row = max(s.row-n, 0, len(s.lines)-s.rows)
	case "J":
		s.lines = append(s.lines[:s.row], "")
	}
}

// text is all that a person could scroll through.
func (s *screen) text() string {
	lines := make([]string, len(s.lines))
	for i, line := range s.lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}
