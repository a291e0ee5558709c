package history

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Longer queries, such as a pasted page, are truncated.
const (
	maxQuery   = 1000 // bytes
	maxPhrases = 24
)

// A Query is a parsed search query. The zero Query finds nothing.
type Query struct{ phrases []phrase }

// A phrase is a sequence of terms.
type phrase struct {
	terms  []string
	parts  bool // the term is in the index of parts
	prefix bool // the last term is the prefix of a word
	letter bool // a single letter, which is a prefix only in titles
}

// ParseQuery parses what a user typed. A message matches if it has all words, in any order
// and case, with or without diacritics. Each is the prefix of a word; double quotes enclose
// a phrase of whole words. Names and paths, such as api/user.go or os.ReadFile, are
// phrases. Operators and names like C++ match exactly.
func ParseQuery(text string) Query {
	if len(text) > maxQuery {
		text = text[:maxQuery]
	}
	var q Query
	for text != "" && len(q.phrases) < maxPhrases {
		if rest, ok := strings.CutPrefix(text, `"`); ok {
			quoted, after, closed := strings.Cut(rest, `"`)
			q.add(quoted, !closed) // the user is still typing
			text = after
			continue
		}
		end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
		switch end {
		case 0:
			_, size := utf8.DecodeRuneInString(text)
			text = text[size:]
			continue
		case -1:
			end = len(text)
		}
		q.add(text[:end], true)
		text = text[end:]
	}
	return q
}

// InTitles is the query for titles: a single letter is a prefix there.
func (q Query) InTitles() Query {
	phrases := slices.Clone(q.phrases)
	for i := range phrases {
		phrases[i].prefix = phrases[i].prefix || phrases[i].letter
	}
	return Query{phrases}
}

// Empty reports whether the query has no words.
func (q Query) Empty() bool { return len(q.phrases) == 0 }

// add adds the phrases of a part of the text.
func (q *Query) add(text string, prefix bool) {
	words, parts := terms(text)
	p := phrase{prefix: prefix}
	for i, t := range words {
		switch {
		case t.first != 0 && utf8.RuneCountInString(text[t.start:t.end]) == 1 && i > 0 && words[i-1].end == t.end:
			continue // the last character of a run, which is in the pair before it
		case slices.ContainsFunc(parts, func(part term) bool { return part.start == t.start && part.end > t.end }):
			continue // the C in C++
		}
		p.terms = append(p.terms, t.text)
	}
	if n := len(p.terms); n > 0 {
		last := words[len(words)-1]
		p.letter = prefix && len(p.terms[n-1]) == 1 && last.first == 0
		p.prefix = prefix && !p.letter
		q.phrases = append(q.phrases, p)
	}
	for _, t := range parts {
		if !slices.ContainsFunc(words, func(w term) bool { return w.start <= t.start && t.end <= w.end }) {
			q.phrases = append(q.phrases, phrase{terms: []string{t.text}, parts: true})
		}
	}
	q.phrases = q.phrases[:min(len(q.phrases), maxPhrases)]
}

// match is the query in the syntax of FTS5.
func (q Query) match() string {
	var b strings.Builder
	for i, p := range q.phrases {
		if i > 0 {
			b.WriteByte(' ')
		}
		if p.parts {
			b.WriteString("parts:")
		}
		b.WriteByte('"')
		b.WriteString(strings.Join(p.terms, " ")) // terms have no quotes
		b.WriteByte('"')
		if p.prefix {
			b.WriteByte('*')
		}
	}
	return b.String()
}

// Marks are the matches of any of the query's words in a text, for highlighting. They are
// in order and do not touch.
func (q Query) Marks(text string) []Range {
	if q.Empty() {
		return nil
	}
	var marks []Range
	words, parts := terms(text)
	for _, p := range q.phrases {
		marks = p.marks(marks, words, parts)
	}
	slices.SortFunc(marks, func(a, b Range) int { return cmp.Or(a.Start-b.Start, a.End-b.End) })
	joined := marks[:0]
	for _, m := range marks {
		if last := len(joined) - 1; last >= 0 && m.Start <= joined[last].End {
			joined[last].End = max(joined[last].End, m.End)
			continue
		}
		joined = append(joined, m)
	}
	return joined
}

// marks adds the matches of one phrase.
func (p phrase) marks(marks []Range, words, parts []term) []Range {
	if len(p.terms) == 1 {
		for _, t := range parts {
			if end := p.ends(t, 0); end > 0 {
				marks = append(marks, Range{t.start, end})
			}
		}
	}
	if p.parts {
		return marks
	}
	for i := range len(words) - len(p.terms) + 1 {
		n, end := 0, 0
		for n < len(p.terms) {
			if end = p.ends(words[i+n], n); end == 0 {
				break
			}
			n++
		}
		if n == len(p.terms) {
			marks = append(marks, Range{words[i].start, end})
		}
	}
	return marks
}

// ends is the end of a match of t with the n-th term of the phrase, 0 if it does not match.
func (p phrase) ends(t term, n int) int {
	want := p.terms[n]
	if t.text == want {
		return t.end
	}
	if !p.prefix || n < len(p.terms)-1 || !strings.HasPrefix(t.text, want) {
		return 0
	}
	if t.first != 0 { // one character of a pair
		return t.first
	}
	return t.end
}
