package history

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxQuery is how much of what a user searches for is looked at, in bytes, and maxPhrases
// in how many phrases: a pasted page is not a question.
const (
	maxQuery   = 1000
	maxPhrases = 24
)

// A Query is what a user searches for, ready to be found. The zero Query finds nothing.
type Query struct{ phrases []phrase }

// A phrase is terms in a row. The last one may be only the beginning of a word.
type phrase struct {
	terms  []string
	parts  bool // an operator or the like, which stands among the parts
	prefix bool
	letter bool // it would be a prefix, but a single letter begins half of all words
}

// ParseQuery reads what a user typed. Messages are found that have all of its words, in
// any order and case, with or without diacritics, each as the beginning of a word; what
// stands between double quotes is found as a phrase of whole words. Names and paths, such
// as api/user.go or os.ReadFile, are phrases by themselves; operators and names like C++
// are found as they are.
func ParseQuery(text string) Query {
	if len(text) > maxQuery {
		text = text[:maxQuery]
	}
	var q Query
	for text != "" && len(q.phrases) < maxPhrases {
		if rest, ok := strings.CutPrefix(text, `"`); ok {
			quoted, after, closed := strings.Cut(rest, `"`)
			q.add(quoted, !closed) // it is still typed
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

// InTitles is the query as titles are searched: a single letter is the beginning
// of a word there.
func (q Query) InTitles() Query {
	phrases := slices.Clone(q.phrases)
	for i := range phrases {
		phrases[i].prefix = phrases[i].prefix || phrases[i].letter
	}
	return Query{phrases}
}

// Empty reports whether there is nothing to find.
func (q Query) Empty() bool { return len(q.phrases) == 0 }

// add adds what a piece of the text is found by.
func (q *Query) add(text string, prefix bool) {
	words, parts := terms(text)
	p := phrase{prefix: prefix}
	for i, t := range words {
		switch {
		case t.first != 0 && utf8.RuneCountInString(text[t.start:t.end]) == 1 && i > 0 && words[i-1].end == t.end:
			// The last character of a run stands in the pair before it.
			continue
		case slices.ContainsFunc(parts, func(part term) bool { return part.start == t.start && part.end > t.end }):
			// C++ is not any C.
			continue
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
		if !within(t, words) {
			q.phrases = append(q.phrases, phrase{terms: []string{t.text}, parts: true})
		}
	}
	q.phrases = q.phrases[:min(len(q.phrases), maxPhrases)]
}

// within reports whether a part is a word of a name, which is looked for already.
func within(part term, words []term) bool {
	return slices.ContainsFunc(words, func(w term) bool { return w.start <= part.start && part.end <= w.end })
}

// match is the query in the language of FTS5.
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

// Marks are the places in a text that a query found, in order and apart from each
// other, for highlighting. They may be those of some of its words only.
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

// marks adds the places of one phrase.
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

// ends is where in the text a term that is the n-th of the phrase ends, 0 when it
// is another one.
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
