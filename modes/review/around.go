package review

import (
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/review/diff"
)

const (
	// aroundTokens limits the surrounding code that is shown for all hunks together,
	// in estimated tokens: enough for the enclosing functions of a small change, and
	// little compared with a large one.
	aroundTokens = 1500
	// aroundLines limits the surrounding lines on each side of a hunk.
	aroundLines = 60
)

// surround extends the excerpts of one file to their enclosing functions while room
// remains. It returns the remaining room, in tokens.
func (s *source) surround(ps []excerpt, room int) int {
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

// start returns the first line of the function that encloses line, searching back to
// low. It returns 0 when there is none, or when line itself is the first.
func (s *source) start(line, low int) int {
	if isFunctionStart(s.lines[line-1]) {
		return 0
	}
	for n := line - 1; n >= low; n-- {
		if isFunctionStart(s.lines[n-1]) {
			return n
		}
	}
	return 0
}

// end returns the last line of the function that encloses line, searching up to
// high: an unindented closing bracket, or the line before the next function. It
// returns 0 when there is none, or when line itself is the last.
func (s *source) end(line, high int) int {
	for n := line + 1; n <= high; n++ {
		switch text := s.lines[n-1]; {
		case text == "":
		case isFunctionStart(text):
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

// extend adds the lines from..to before or after an excerpt if all of them fit in
// room, and returns the remaining room.
func (p *excerpt) extend(s *source, from, to, room int, before bool) int {
	var add []line
	bytes := 0
	for n := from; n <= to; n++ {
		add = append(add, line{diff.Line{Op: diff.Context, New: n, Text: s.lines[n-1]}, true})
		bytes += len(s.lines[n-1]) + 2
	}
	if cost := engine.EstimateTokens(bytes); cost <= room {
		room -= cost
		if before {
			p.lines = append(add, p.lines...)
			p.section = "" // one of the lines
		} else {
			p.lines = append(p.lines, add...)
		}
	}
	return room
}
