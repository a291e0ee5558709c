package jinja

import (
	"iter"
	"sort"
	"strings"
)

// A Text is a string that records the source of its bytes.
type Text struct {
	s     string
	marks []mark // of bytes from outside, in order, apart from each other
}

// A mark assigns the bytes [from, to) to a source.
type mark struct{ from, to, source int }

// String makes text that comes from the template.
func String(s string) Text { return Text{s: s} }

// Outside makes text from outside. The source, at least 1, is a number that the caller
// chooses.
func Outside(s string, source int) Text {
	if s == "" {
		return Text{}
	}
	return Text{s, []mark{{0, len(s), source}}}
}

// String returns the text without its sources.
func (t Text) String() string { return t.s }

// Runs yields runs of bytes with the same source, which is 0 for the template.
func (t Text) Runs() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		at := 0
		for _, m := range t.marks {
			if m.from > at && !yield(t.s[at:m.from], 0) {
				return
			}
			if !yield(t.s[m.from:m.to], m.source) {
				return
			}
			at = m.to
		}
		if at < len(t.s) {
			yield(t.s[at:], 0)
		}
	}
}

// Cut returns the first n bytes.
func (t Text) Cut(n int) Text { return t.slice(0, n) }

// From returns the text without its first n bytes.
func (t Text) From(n int) Text { return t.slice(n, len(t.s)) }

// slice is bytes i to j.
func (t Text) slice(i, j int) Text {
	if i >= j {
		return Text{}
	}
	out := Text{s: t.s[i:j]}
	first := sort.Search(len(t.marks), func(k int) bool { return t.marks[k].to > i })
	for _, m := range t.marks[first:] {
		if m.from >= j {
			break
		}
		out.marks = append(out.marks, mark{max(m.from, i) - i, min(m.to, j) - i, m.source})
	}
	return out
}

// remade is a string computed from the text whose bytes cannot be traced. If any byte came
// from outside, all count as such.
func (t Text) remade(s string) Text {
	if len(t.marks) == 0 {
		return String(s)
	}
	return Outside(s, t.marks[0].source)
}

// trimmed is the text without the characters that cut reports at its ends.
func (t Text) trimmed(cut func(rune) bool, left, right bool) Text {
	from, to := 0, len(t.s)
	if left {
		from -= len(strings.TrimLeftFunc(t.s, cut)) - len(t.s)
	}
	if right {
		to = len(strings.TrimRightFunc(t.s, cut))
	}
	return t.slice(from, to)
}

// IsSpace is Python's str.isspace, for the characters that occur.
func IsSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x1f, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000:
		return true
	}
	return 0x2000 <= r && r <= 0x200A
}

// A builder joins texts.
type builder struct {
	s     strings.Builder
	marks []mark
}

func (b *builder) add(t Text) {
	at := b.s.Len()
	b.s.WriteString(t.s)
	for _, m := range t.marks {
		m.from += at
		m.to += at
		if n := len(b.marks); n > 0 && b.marks[n-1].to == m.from && b.marks[n-1].source == m.source {
			b.marks[n-1].to = m.to
			continue
		}
		b.marks = append(b.marks, m)
	}
}

func (b *builder) own(s string) { b.s.WriteString(s) }

func (b *builder) text() Text { return Text{b.s.String(), b.marks} }
