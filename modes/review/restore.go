package review

import (
	"strings"
	"unicode/utf8"
)

// The model does not see all bytes of a line: plain removes a carriage return at its
// end and replaces invalid UTF-8, and models omit a byte order mark. A suggestion keeps
// these bytes where they are. If it is unclear where they belong, there is no
// suggestion.

const byteOrderMark = "\ufeff"

// restore puts the bytes that the model did not see into its replacement for the lines
// old. It returns false if it is unclear where they belong. encoded reports that the
// file is not UTF-8: then new text must be ASCII.
func restore(old, new []string, encoded bool) ([]string, bool) {
	mark := ""
	if len(old) > 0 && strings.HasPrefix(old[0], byteOrderMark) {
		if len(new) == 0 {
			return nil, false
		}
		mark = byteOrderMark
		old = append([]string{old[0][len(mark):]}, old[1:]...)
		new = append([]string{strings.TrimPrefix(new[0], mark)}, new[1:]...)
	}
	first, last := 0, 0 // the number of unchanged lines at both ends
	for first < min(len(old), len(new)) && plain(old[first]) == new[first] {
		first++
	}
	for last < min(len(old), len(new))-first && plain(old[len(old)-1-last]) == new[len(new)-1-last] {
		last++
	}
	middle, ok := restoreLines(old[first:len(old)-last], new[first:len(new)-last], encoded)
	if !ok {
		return nil, false
	}
	if len(old) == first+last && len(middle) > 0 { // only insertions: lines end as their neighbours do
		if middle, ok = endLike(old, middle); !ok {
			return nil, false
		}
	}
	var lines []string
	lines = append(append(append(lines, old[:first]...), middle...), old[len(old)-last:]...)
	if mark != "" {
		lines[0] = mark + lines[0]
	}
	return lines, true
}

// restoreLines restores lines that all differ from the old ones.
func restoreLines(old, new []string, encoded bool) ([]string, bool) {
	if len(old) == len(new) {
		lines := make([]string, len(new))
		for i := range new {
			var ok bool
			if lines[i], ok = restoreLine(old[i], new[i], encoded); !ok {
				return nil, false
			}
		}
		return lines, true
	}
	before, after := strings.Join(old, "\n"), strings.Join(new, "\n")
	if !utf8.ValidString(before) || !writable(before, after, encoded) {
		return nil, false
	}
	if len(old) == 0 {
		return new, true
	}
	return endLike(old, new)
}

// endLike gives new lines the carriage return that all old ones have. It returns false
// if only some have one.
func endLike(old, new []string) ([]string, bool) {
	n := 0
	for _, l := range old {
		if strings.HasSuffix(l, "\r") {
			n++
		}
	}
	if n == 0 {
		return new, true
	}
	lines := make([]string, len(new))
	for i, l := range new {
		lines[i] = l + "\r"
	}
	return lines, n == len(old)
}

// restoreLine restores one line. Its unseen bytes must be in the beginning or the end
// that the replacement has as well.
func restoreLine(old, new string, encoded bool) (string, bool) {
	line, end := strings.CutSuffix(old, "\r")
	shown := plain(line)
	head := 0
	for head < min(len(shown), len(new)) && shown[head] == new[head] {
		head++
	}
	for head > 0 && head < len(shown) && !utf8.RuneStart(shown[head]) {
		head--
	}
	tail := 0
	for tail < min(len(shown), len(new))-head && shown[len(shown)-1-tail] == new[len(new)-1-tail] {
		tail++
	}
	for tail > 0 && !utf8.RuneStart(shown[len(shown)-tail]) {
		tail--
	}
	from, to := rawOffset(line, head), rawOffset(line, len(shown)-tail)
	removed, added := line[from:to], new[head:len(new)-tail]
	if !utf8.ValidString(removed) || !writable(removed, added, encoded) {
		return "", false
	}
	text := line[:from] + added + line[to:]
	if plain(text) != new { // bytes that meet look different from bytes that stand apart
		return "", false
	}
	if end {
		text += "\r"
	}
	return text, true
}

// writable reports whether a text may replace another: it has no replacement character
// that the other does not have, and is ASCII if the encoding of the file is unknown.
func writable(old, new string, encoded bool) bool {
	if strings.Contains(new, "\ufffd") && !strings.Contains(old, "\ufffd") {
		return false
	}
	return !encoded || !strings.ContainsFunc(new, func(r rune) bool { return r >= utf8.RuneSelf })
}

// rawOffset converts an offset in plain(line) to an offset in line.
func rawOffset(line string, shown int) int {
	at, raw := 0, 0
	for raw < len(line) && at < shown {
		r, n := utf8.DecodeRuneInString(line[raw:])
		if r != utf8.RuneError || n > 1 {
			at, raw = at+n, raw+n
			continue
		}
		at += len("\ufffd") // one for a run of invalid bytes
		for raw < len(line) {
			if r, n := utf8.DecodeRuneInString(line[raw:]); r != utf8.RuneError || n > 1 {
				break
			}
			raw++
		}
	}
	return raw
}

// encoded reports whether the available text of the file is not UTF-8.
func (t *fileText) encoded() bool {
	if t.src != nil {
		for _, l := range t.src.lines {
			if !utf8.ValidString(l) {
				return true
			}
		}
	}
	for i := range t.ps {
		for _, l := range t.ps[i].lines {
			if !utf8.ValidString(l.Text) {
				return true
			}
		}
	}
	return false
}
