package review

import (
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
)

const (
	// aroundTokens is how much of the surroundings of all hunks is shown, in tokens
	// as they are estimated: enough for the functions that a small change is in, and
	// little beside a large one.
	aroundTokens = 1500
	// aroundLines is the longest function that is shown on one side of a hunk.
	aroundLines = 60
)

// surround adds to passages of one file the rest of the functions that they are
// in, as long as there is room for it. It gives the room that is left.
func (s *source) surround(ps []passage, room int) int {
	for i := range ps {
		p := &ps[i]
		from, to := p.first(), p.last()
		if from == 0 {
			continue
		}
		low, high := 1, len(s.lines)
		if i > 0 {
			low = ps[i-1].last() + 1
		}
		if i+1 < len(ps) {
			high = ps[i+1].first() - 1
		}
		if start := s.start(from, max(low, from-aroundLines)); start > 0 {
			room = p.extend(s, start, from-1, room, true)
		}
		if end := s.end(to, min(high, to+aroundLines)); end > 0 {
			room = p.extend(s, to+1, end, room, false)
		}
	}
	return room
}

// start is the line that heads the function which a line is in, 0 when it is not
// found from low on, or is the line itself.
func (s *source) start(line, low int) int {
	if heads(s.lines[line-1]) {
		return 0
	}
	for n := line - 1; n >= low; n-- {
		if heads(s.lines[n-1]) {
			return n
		}
	}
	return 0
}

// end is the last line of the function which a line is in, 0 when it is not found
// up to high, or is the line itself: the closing bracket that is not indented, or
// what comes before the next head.
func (s *source) end(line, high int) int {
	for n := line + 1; n <= high; n++ {
		switch text := s.lines[n-1]; {
		case text == "":
		case heads(text):
			for n--; n > line && strings.TrimSpace(s.lines[n-1]) == ""; {
				n--
			}
			if n == line {
				return 0
			}
			return n
		case text[0] == '}' || text[0] == ')' || text[0] == ']':
			return n
		}
	}
	return 0
}

// extend puts lines before or after a passage, all or none.
func (p *passage) extend(s *source, from, to, room int, before bool) int {
	var add []line
	bytes := 0
	for n := from; n <= to; n++ {
		add = append(add, line{diff.Line{Op: diff.Context, New: n, Text: s.lines[n-1]}, true})
		bytes += len(s.lines[n-1]) + 2
	}
	if cost := estimate(bytes); cost <= room {
		room -= cost
		if before {
			p.lines = append(add, p.lines...)
			p.section = "" // it is among them
		} else {
			p.lines = append(p.lines, add...)
		}
	}
	return room
}
