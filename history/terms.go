package history

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// maxIndexed is how much of a message's text search finds, in bytes from its
	// beginning.
	maxIndexed = 1 << 20
	// maxTerm is the longest term, in bytes. What is longer, a hash or base64, is
	// found by its beginning.
	maxTerm = 64
)

// A term is what search compares: a word without case and diacritics, or two
// characters of a script that puts no spaces between words.
type term struct {
	text       string
	start, end int // its place in the text that it was found in, in bytes
	first      int // where its first character ends when it is a pair, else 0
}

// terms are what a text is found by. Words come in the order of the text, so that
// phrases are words in a row. Parts are found alone: the words in a name like
// userName, operators, and names that end in signs, like C++.
//
// Text of scripts without spaces becomes pairs of neighbours, AB BC C for ABC:
// the pairs of any piece of it stand in it in a row, and a single character is
// the beginning of a pair.
func terms(text string) (words, parts []term) {
	if len(text) > maxIndexed {
		text = text[:maxIndexed]
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		var end int
		switch {
		case spaceless(r):
			end = run(text, i, spaceless)
			words = pairs(words, text, i, end)
		case isWord(r):
			end = run(text, i, func(r rune) bool { return isWord(r) && !spaceless(r) })
			words = word(words, text, i, end)
			signed := end + signs(text[end:])
			if signed > end {
				parts = word(parts, text, i, signed)
			}
			parts = humps(parts, text, i, end)
			end = signed
		case isOperator(r):
			end = run(text, i, isOperator)
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

// indexed is a text as the index takes it: its terms in two columns, the words
// and the parts, separated by spaces.
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

// run is where the runes that satisfy f end.
func run(text string, from int, f func(rune) bool) int {
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

// spaceless reports whether a rune is of a script that is written without spaces.
func spaceless(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

func isOperator(r rune) bool {
	return r < utf8.RuneSelf && strings.ContainsRune("!$%&*+-/<=>?@^|~:.", r)
}

// isMarkup reports whether signs are more likely Markdown than an operator: they
// would be in every message.
func isMarkup(s string) bool {
	switch s {
	case "**", "--", "~~", "..", "|-", "-|", ":-", "-:":
		return true
	}
	return len(s) > 2 && strings.Trim(s, "*") == "" || len(s) > 2 && strings.Trim(s, "-|:") == ""
}

// signs are those that belong to the name before them: C++, C#.
func signs(text string) int {
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

func word(list []term, text string, start, end int) []term {
	if t := plain(text[start:end]); t != "" {
		list = append(list, term{t, start, end, 0})
	}
	return list
}

// humps are the words in a name like userName or HTTPServer, after the first one,
// which the whole name begins with.
func humps(list []term, text string, start, end int) []term {
	var before rune
	from := start
	for i, r := range text[start:end] {
		i += start
		after, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r) : end])
		if i > from && unicode.IsUpper(r) && (unicode.IsLower(before) || unicode.IsUpper(before) && unicode.IsLower(after)) {
			if from > start {
				list = word(list, text, from, i)
			}
			from = i
		}
		before = r
	}
	if from > start {
		list = word(list, text, from, end)
	}
	return list
}

// pairs are the neighbours in a run of characters, and the last one alone.
func pairs(list []term, text string, start, end int) []term {
	for i := start; i < end; {
		_, size := utf8.DecodeRuneInString(text[i:])
		second := i + size
		_, size = utf8.DecodeRuneInString(text[second:end])
		if t := plain(text[i : second+size]); t != "" {
			list = append(list, term{t, i, second + size, second})
		}
		i = second
	}
	return list
}

// letters that diacritics do not explain, as they are typed where a keyboard
// lacks them.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i")

// plain is a word without case, diacritics and the forms of compatibility (ﬁ, Ａ),
// cut to what a term may be long.
func plain(s string) string {
	if len(s) > 4*maxTerm { // no need to look at a megabyte of base64
		s = s[:4*maxTerm]
	}
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return cut(strings.ToLower(s))
	}
	s = norm.NFKD.String(strings.ToLower(norm.NFKD.String(strings.ToValidUTF8(s, ""))))
	s = strings.Map(func(r rune) rune {
		if isDiacritic(r) || unicode.IsSpace(r) || r == '"' { // ﷺ is four words
			return -1
		}
		return r
	}, s)
	return cut(norm.NFC.String(letters.Replace(s)))
}

func cut(s string) string {
	if len(s) <= maxTerm {
		return s
	}
	end := maxTerm
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// isDiacritic reports whether a mark is left out by users who type fast. In other scripts
// marks are letters.
func isDiacritic(r rune) bool {
	return 0x0300 <= r && r <= 0x036F || // Latin, Greek, Cyrillic
		0x0591 <= r && r <= 0x05C7 || // Hebrew points
		0x064B <= r && r <= 0x065F || r == 0x0670 // Arabic vowels
}
