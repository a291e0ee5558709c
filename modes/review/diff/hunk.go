package diff

import (
	"strconv"
	"strings"
)

// maxNumber bounds line numbers and counts, so that their sums do not overflow.
const maxNumber = 1 << 30

// hunkHeader parses "@@ -1,2 +3,4 @@ section". The header of a merge of n parents has
// n+1 @ characters and a span for each parent; the span of the first parent becomes
// the hunk's Old.
func hunkHeader(line string) (h Hunk, parents []Span, ok bool) {
	ats := 0
	for ats < len(line) && line[ats] == '@' {
		ats++
	}
	head, section, ok := strings.Cut(line[ats:], " "+line[:ats])
	fields := strings.Fields(head)
	if !ok || ats < 2 || ats > 17 || len(fields) != ats {
		return Hunk{}, nil, false
	}
	for i, f := range fields {
		sign := "-"
		if i == len(fields)-1 {
			sign = "+"
		}
		s, ok := span(strings.TrimPrefix(f, sign))
		if !ok || !strings.HasPrefix(f, sign) {
			return Hunk{}, nil, false
		}
		parents = append(parents, s)
	}
	h = Hunk{Old: parents[0], New: parents[ats-1], Section: strings.TrimPrefix(section, " ")}
	return h, parents[:ats-1], true
}

// span parses "3,4", or "3" for a count of one.
func span(s string) (Span, bool) {
	start, count, ok := strings.Cut(s, ",")
	if !ok {
		count = "1"
	}
	a, err := strconv.ParseUint(start, 10, 31)
	b, err2 := strconv.ParseUint(count, 10, 31)
	return Span{int(a), int(b)}, err == nil && err2 == nil && a < maxNumber && b < maxNumber && (a > 0 || b == 0)
}

// A hunkReader reads the lines of a hunk, as many as its header declares.
type hunkReader struct {
	hunk    Hunk
	parents []Span
	crlf    bool // each line has an additional carriage return
}

// read reads the lines and reports whether there are as many as in the header. Otherwise
// the hunk keeps the lines that it found, and its spans are corrected.
func (r *hunkReader) read(l *lines) bool {
	h, n := &r.hunk, len(r.parents)
	left := make([]int, n) // remaining lines of each parent
	open := h.New.Count    // remaining lines of all files
	for i, p := range r.parents {
		left[i] = p.Count
		open += p.Count
	}
	newLeft := h.New.Count
	oldAt, newAt := first(h.Old), first(h.New)
	whole := true
	for ; open > 0; open = sum(left) + newLeft {
		text, rest, ended := cutLine(l.rest)
		if !ended && text == "" {
			whole = false
			break
		}
		marks := strings.TrimSuffix(text, "\r")
		if strings.HasPrefix(marks, `\`) {
			l.rest = rest
			h.noEnd()
			continue
		}
		if len(marks) < n {
			if marks != "" {
				whole = false
				break
			}
			marks, text = strings.Repeat(" ", n), strings.Repeat(" ", n)+text // an editor removed trailing spaces
		}
		op, ok := operation(marks[:n])
		if !ok || !take(left, &newLeft, marks[:n], op) {
			whole = false
			break
		}
		l.rest = rest
		line := Line{Op: op, Text: text[n:]}
		if r.crlf {
			line.Text = strings.TrimSuffix(line.Text, "\r")
		}
		if op != Add && n == 1 {
			line.Old = oldAt
			oldAt++
		}
		if op != Delete {
			line.New = newAt
			newAt++
		}
		h.Lines = append(h.Lines, line)
	}
	if strings.HasPrefix(l.rest, `\`) {
		l.next()
		h.noEnd()
	}
	if !whole {
		h.measure(n == 1)
	}
	if n > 1 && newLeft == 0 { // git counts removed lines that it does not show
		whole = true
	}
	return whole && len(h.Lines) > 0 && !runsOn(l.peek()) && !isInterrupted(l.rest)
}

// noEnd marks the last line as having no newline.
func (h *Hunk) noEnd() {
	if n := len(h.Lines); n > 0 {
		h.Lines[n-1].NoEnd = true
	}
}

// measure corrects the spans to the lines of the hunk.
func (h *Hunk) measure(old bool) {
	if old {
		h.Old = counted(h.Old, h.Lines, Add)
	}
	h.New = counted(h.New, h.Lines, Delete)
}

func counted(s Span, lines []Line, without Op) Span {
	start, n := first(s), 0
	for _, l := range lines {
		if l.Op != without {
			n++
		}
	}
	if n == 0 {
		start--
	}
	return Span{start, n}
}

// first returns the number of the first line of a span, or of a line inserted there.
func first(s Span) int {
	if s.Count == 0 {
		return s.Start + 1
	}
	return s.Start
}

func sum(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// operation parses the marks of a line, one for each parent.
func operation(marks string) (Op, bool) {
	op := Context
	for i := range len(marks) {
		switch marks[i] {
		case ' ':
		case '-', '+':
			if op != Context && op != Op(marks[i]) {
				return 0, false
			}
			op = Op(marks[i])
		default:
			return 0, false
		}
	}
	return op, true
}

// take subtracts a line from the remaining counts. It returns false if one of them is
// zero already.
func take(left []int, newLeft *int, marks string, op Op) bool {
	for i := range left {
		if in(marks[i], op) && left[i] == 0 {
			return false
		}
	}
	if op != Delete {
		if *newLeft == 0 {
			return false
		}
		*newLeft--
	}
	for i := range left {
		if in(marks[i], op) {
			left[i]--
		}
	}
	return true
}

// in reports whether a parent contains the line.
func in(mark byte, op Op) bool { return mark == '-' || mark == ' ' && op != Delete }

// runsOn reports whether the line after a hunk looks like another line of it: then the
// count in the header is wrong. The line -- ends a mail.
func runsOn(line string) bool {
	return strings.HasPrefix(line, "+") || strings.HasPrefix(line, " ") ||
		strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "-- ") && !strings.HasPrefix(line, "--- ") && line != "--" && line != "--\r"
}

// isBody reports whether a line looks like the header of a hunk, or like a line of one.
func isBody(line string) bool { return runsOn(line) || strings.HasPrefix(line, "@@") }

// isInterrupted reports whether the text after a hunk is one unknown line and then more of
// the diff: the header of the next hunk, or a wrapped line.
func isInterrupted(text string) bool {
	line, rest, _ := cutLine(text)
	for _, known := range []string{"diff ", "Index: ", "--- ", "-- "} {
		if strings.HasPrefix(line, known) {
			return false
		}
	}
	next, _, _ := cutLine(rest)
	return strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "@@") && isBody(next)
}
