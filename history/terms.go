package history

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// maxIndexed limits the indexed text of a message, in bytes from its start.
	maxIndexed = 1 << 20
	// maxTerm is the longest term, in bytes. A longer word, such as a hash, is truncated.
	maxTerm = 64
)

// A term is the unit of search: a word without case and diacritics, or a pair of characters
// of a script without spaces.
type term struct {
	text       string
	start, end int // its place in the text, in bytes
	first      int // the end of a pair's first character; 0 for a word
}

// terms splits a text. Words are in the order of the text, so that a phrase is a sequence
// of words. Parts are searched one by one: the words in a name like userName, operators,
// and names that end in signs, like C++.
//
// FTS5's tokenizers cannot do this. unicode61 has one token for a run of CJK characters,
// and none for operators; trigram has none for fewer than three characters.
//
// Text of scripts without spaces becomes pairs of neighbours: AB BC C for ABC. So every
// substring is a sequence of pairs, and a single character is the prefix of a pair.
func terms(text string) (words, parts []term) {
	if len(text) > maxIndexed {
		text = text[:maxIndexed]
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		var end int
		switch {
		case isSpaceless(r):
			end = runEnd(text, i, isSpaceless)
			words = addPairs(words, text, i, end)
		case isWord(r):
			end = runEnd(text, i, func(r rune) bool { return isWord(r) && !isSpaceless(r) })
			words = addWord(words, text, i, end)
			signed := end + nameSuffix(text[end:])
			if signed > end {
				parts = addWord(parts, text, i, signed)
			}
			parts = camelParts(parts, text, i, end)
			end = signed
		case isOperator(r):
			end = runEnd(text, i, isOperator)
			if n := end - i; n > 1 && n <= 4 && !isMarkup(text[i:end]) {
				parts = append(parts, term{text[i:end], i, end, 0})
			}
		case r != utf8.RuneError && unicode.Is(unicode.So, r):
			end = i + size
			parts = append(parts, term{text[i:end], i, end, 0})
		default:
			end = i + size
		}
		i = end
	}
	return words, parts
}

// indexed returns the terms of a text for the two columns of the index, separated by
// spaces.
func indexed(text string) (words, parts string) {
	w, p := terms(text)
	return join(w), join(p)
}

func join(terms []term) string {
	var b strings.Builder
	for i, t := range terms {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
	}
	return b.String()
}

// runEnd is the end of the runes that satisfy f.
func runEnd(text string, from int, f func(rune) bool) int {
	for i, r := range text[from:] {
		if !f(r) {
			return from + i
		}
	}
	return len(text)
}

func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// isSpaceless reports whether the script of a rune is written without spaces.
func isSpaceless(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

func isOperator(r rune) bool {
	return r < utf8.RuneSelf && strings.ContainsRune("!$%&*+-/<=>?@^|~:.", r)
}

// isMarkup reports whether signs are more likely Markdown than an operator.
func isMarkup(s string) bool {
	switch s {
	case "**", "--", "~~", "..", "|-", "-|", ":-", "-:":
		return true
	}
	return len(s) > 2 && strings.Trim(s, "*") == "" || len(s) > 2 && strings.Trim(s, "-|:") == ""
}

// nameSuffix is the length of the signs that end a name: C++, C#.
func nameSuffix(text string) int {
	n := 0
	switch {
	case strings.HasPrefix(text, "++"):
		n = 2
	case strings.HasPrefix(text, "#"):
		n = 1
	}
	if r, _ := utf8.DecodeRuneInString(text[n:]); n > 0 && (isWord(r) || isOperator(r) && r != '.' && r != '?' && r != '!') {
		return 0 // a++b, #anchor
	}
	return n
}

func addWord(list []term, text string, start, end int) []term {
	if t := normalize(text[start:end]); t != "" {
		list = append(list, term{t, start, end, 0})
	}
	return list
}

// camelParts adds the words in a name like userName or HTTPServer but the first, which is
// a prefix of the name.
func camelParts(list []term, text string, start, end int) []term {
	var before rune
	from := start
	for i, r := range text[start:end] {
		i += start
		after, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r) : end])
		if i > from && unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsUpper(before) && unicode.IsLower(after)) {
			if from > start {
				list = addWord(list, text, from, i)
			}
			from = i
		}
		before = r
	}
	if from > start {
		list = addWord(list, text, from, end)
	}
	return list
}

// addPairs adds the pairs of neighbours in a run of characters, and the last character.
func addPairs(list []term, text string, start, end int) []term {
	for i := start; i < end; {
		_, size := utf8.DecodeRuneInString(text[i:])
		second := i + size
		_, size = utf8.DecodeRuneInString(text[second:end])
		if t := normalize(text[i : second+size]); t != "" {
			list = append(list, term{t, i, second + size, second})
		}
		i = second
	}
	return list
}

// letters that have no decomposition, and how they are typed without their key.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i")

// normalize returns a word without case, diacritics and compatibility forms (ﬁ, Ａ), at
// most maxTerm long.
func normalize(s string) string {
	if len(s) > 4*maxTerm { // no need to look at a megabyte of base64
		s = s[:4*maxTerm]
	}
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return truncate(strings.ToLower(s))
	}
	s = norm.NFKD.String(strings.ToLower(norm.NFKD.String(strings.ToValidUTF8(s, ""))))
	s = strings.Map(func(r rune) rune {
		if isDiacritic(r) || unicode.IsSpace(r) || r == '"' { // ﷺ is four words
			return -1
		}
		return r
	}, s)
	return truncate(norm.NFC.String(letters.Replace(s)))
}

func truncate(s string) string { return cutRune(s[:min(len(s), maxTerm)]) }

// isDiacritic reports whether users leave out a mark. In other scripts marks are letters.
func isDiacritic(r rune) bool {
	return 0x0300 <= r && r <= 0x036F || // Latin, Greek, Cyrillic
		0x0591 <= r && r <= 0x05C7 || // Hebrew points
		0x064B <= r && r <= 0x065F || r == 0x0670 // Arabic vowels
}
