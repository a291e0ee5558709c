package kit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Match reports whether a text has the letters of a filter in order, ignoring case. It returns
// a score and the matching parts. Consecutive letters, starts of words, early matches and
// short texts score higher.
func Match(filter, text string) (score int, marks []Span, ok bool) {
	if filter == "" {
		return 0, nil, true
	}
	// A contiguous match is most likely what the user means.
	if i := IndexFold(text, filter); i >= 0 {
		score = 100 + 8*utf8.RuneCountInString(filter) - min(i, 40) - min(len(text)/8, 20)
		if i == 0 || !letterBefore(text, i) {
			score += 30
		}
		return score, []Span{{i, i + len(filter)}}, true
	}
	at, previous := 0, -2
	for _, want := range filter {
		if want == ' ' {
			continue
		}
		i := strings.IndexFunc(text[at:], func(r rune) bool { return unicode.ToLower(r) == unicode.ToLower(want) })
		if i < 0 {
			return 0, nil, false
		}
		i += at
		_, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case i == previous:
			score += 6
			marks[len(marks)-1].To = i + n
		case !letterBefore(text, i):
			score += 5
			marks = append(marks, Span{i, i + n})
		default:
			score -= 1
			marks = append(marks, Span{i, i + n})
		}
		at, previous = i+n, i+n
	}
	return score - min(len(text)/8, 20), marks, true
}

// IndexFold is strings.Index that ignores the case of letters.
func IndexFold(text, part string) int {
	if len(part) > len(text) {
		return -1
	}
	first := part[0] | 0x20 // lower-case if it is a letter
	for i := 0; i+len(part) <= len(text); i++ {
		if c := text[i]; c < utf8.RuneSelf && c|0x20 != first && part[0] < utf8.RuneSelf {
			continue
		}
		if strings.EqualFold(text[i:i+len(part)], part) && utf8.RuneStart(text[i]) {
			return i
		}
	}
	return -1
}

func letterBefore(text string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(text[:i])
	return i > 0 && kindOf(r) == 1
}

// A Found is an item that matches a filter.
type Found[T any] struct {
	Item  T
	Marks []Span
	score int
}

// Filter returns the items whose text matches a filter, the best first.
func Filter[T any](items []T, filter string, text func(T) string) []Found[T] {
	var list []Found[T]
	for _, item := range items {
		if score, marks, ok := Match(filter, text(item)); ok {
			list = append(list, Found[T]{item, marks, score})
		}
	}
	SortBy(list, func(f Found[T]) int { return -f.score })
	return list
}

// Highlight draws text with plain, and its marks with marked: methods of lipgloss styles.
func Highlight(text string, marks []Span, marked, plain func(...string) string) string {
	var b strings.Builder
	at := 0
	for _, m := range marks {
		if m.From < at || m.To > len(text) || m.From >= m.To {
			continue
		}
		if m.From > at {
			b.WriteString(plain(text[at:m.From]))
		}
		b.WriteString(marked(text[m.From:m.To]))
		at = m.To
	}
	if at < len(text) {
		b.WriteString(plain(text[at:]))
	}
	return b.String()
}
