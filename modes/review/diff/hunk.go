package diff

import (
	"strconv"
	"strings"
)

// maxNumber bounds line numbers and counts, so that sums of them are numbers.
const maxNumber = 1 << 30

// hunkHeader reads "@@ -1,2 +3,4 @@ section", and for a merge of n parents
// n+1 times @ and a span for each. The first parent's span is the hunk's old one.
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

// span reads "3,4", or "3" for a count of one.
func span(s string) (Span, bool) {
	start, count, ok := strings.Cut(s, ",")
	if !ok {
		count = "1"
	}
	a, err := strconv.ParseUint(start, 10, 31)
	b, err2 := strconv.ParseUint(count, 10, 31)
	return Span{int(a), int(b)}, err == nil && err2 == nil && a < maxNumber && b < maxNumber && (a > 0 || b == 0)
}

// A hunkReader reads a hunk's lines, as many as its header announces.
type hunkReader struct {
	hunk    Hunk
	parents []Span
	crlf    bool // each line has a carriage return more than the file
	binary  bool // it has a zero byte
}

// read reads the lines and reports whether they were as announced. What was there
// is what the hunk has; then its spans are those of its lines.
func (r *hunkReader) read(l *lines) bool {
	h, n := &r.hunk, len(r.parents)
	left := make([]int, n) // lines to come, of each parent
	open := h.New.Count    // and of the new file
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
			marks, text = strings.Repeat(" ", n), strings.Repeat(" ", n)+text // an editor has trimmed it
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
		r.binary = r.binary || strings.IndexByte(line.Text, 0) >= 0
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
	return whole && !runsOn(l.peek())
}

// noEnd notes that the last line has no newline.
func (h *Hunk) noEnd() {
	if n := len(h.Lines); n > 0 {
		h.Lines[n-1].NoEnd = true
	}
}

// measure makes the spans count the lines that are there.
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

// first is the number of the first line of a span, or of the one that would be.
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

// operation reads a line's marks, one for each parent.
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

// take counts a line off those to come, unless there are to come no more of its
// kind.
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

// in reports whether a parent has the line.
func in(mark byte, op Op) bool { return mark == '-' || mark == ' ' && op != Delete }

// runsOn reports whether a line after a hunk's last looks like one more: its
// header counts wrong. The line -- ends a mail.
func runsOn(line string) bool {
	return strings.HasPrefix(line, "+") || strings.HasPrefix(line, " ") ||
		strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "-- ") && !strings.HasPrefix(line, "--- ") && line != "--" && line != "--\r"
}
