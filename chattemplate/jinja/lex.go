package jinja

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd       tokenKind = iota // of the source
	tokenData                       // text between tags
	tokenBlock                      // {%
	tokenBlockEnd                   // %}
	tokenOutput                     // {{
	tokenOutputEnd                  // }}
	tokenName                       // and keywords
	tokenString                     // unquoted
	tokenInt
	tokenFloat
	tokenOperator
)

type token struct {
	kind tokenKind
	text string
	line int
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenData:
		return "text"
	case tokenBlock, tokenBlockEnd, tokenOutput, tokenOutputEnd:
		return t.text
	}
	return strconv.Quote(t.text)
}

// A lexer splits a source into tokens. It removes white space around tags as trim_blocks
// and lstrip_blocks require: a line break after a block, and blanks before a block on its
// line.
type lexer struct {
	src    string
	at     int
	line   int
	tokens []token
	// fresh reports that a line begins here, for lstrip_blocks.
	fresh bool
	// strip reports that the last tag ended with -%}, which removes white space after it.
	strip bool
}

func lex(source string) []token {
	source = strings.ReplaceAll(source, "\r\n", "\n")
	// keep_trailing_newline is off.
	l := &lexer{src: strings.TrimSuffix(source, "\n"), line: 1, fresh: true}
	for l.at < len(l.src) {
		l.data()
		switch {
		case l.at == len(l.src):
		case l.has("{#"):
			l.comment()
		case l.has("{%"):
			if !l.raw() {
				l.tag(tokenBlock, "%}", tokenBlockEnd)
			}
		default:
			l.tag(tokenOutput, "}}", tokenOutputEnd)
		}
	}
	l.emit(tokenEnd, "")
	return l.tokens
}

func (l *lexer) has(s string) bool { return strings.HasPrefix(l.src[l.at:], s) }

func (l *lexer) emit(kind tokenKind, text string) {
	l.tokens = append(l.tokens, token{kind, text, l.line})
}

// advance skips n bytes and counts the lines.
func (l *lexer) advance(n int) {
	l.line += strings.Count(l.src[l.at:l.at+n], "\n")
	l.at += n
}

// data reads text up to the next tag.
func (l *lexer) data() {
	rest := l.src[l.at:]
	n := len(rest)
	for i := strings.IndexByte(rest, '{'); i >= 0 && i+1 < len(rest); {
		if c := rest[i+1]; c == '{' || c == '%' || c == '#' {
			n = i
			break
		}
		next := strings.IndexByte(rest[i+1:], '{')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	text := rest[:n]
	if l.strip {
		text = strings.TrimLeftFunc(text, IsSpace)
	}
	if n < len(rest) {
		text = l.before(text, rest[n:])
	}
	if text != "" {
		l.emit(tokenData, text)
	}
	l.advance(n)
	l.strip = false
}

// before removes the end of text as the following tag requires.
func (l *lexer) before(text, tag string) string {
	sign := byte(0)
	if len(tag) > 2 {
		sign = tag[2]
	}
	switch {
	case sign == '-':
		return strings.TrimRightFunc(text, IsSpace)
	case sign == '+' || tag[1] == '{':
		return text
	}
	line := strings.LastIndexByte(text, '\n') + 1
	if (line > 0 || l.fresh) && strings.TrimLeftFunc(text[line:], IsSpace) == "" {
		return text[:line]
	}
	return text
}

// after handles the text after a tag: sign is the character before its closing brackets.
func (l *lexer) after(sign string, block bool) {
	l.fresh = false
	switch {
	case sign == "-":
		l.strip = true
	case sign != "+" && block && l.has("\n"):
		l.advance(1)
		l.fresh = true
	}
}

func (l *lexer) comment() {
	end := strings.Index(l.src[l.at+2:], "#}")
	if end < 0 {
		fail("a comment is not closed")
	}
	sign := l.src[l.at+2 : l.at+2+end]
	sign = sign[max(0, len(sign)-1):]
	l.advance(end + 4)
	l.after(sign, true)
}

// raw reads {% raw %}text{% endraw %}.
func (l *lexer) raw() bool {
	inner, ok := l.bare("raw")
	if !ok {
		return false
	}
	l.advance(inner.length)
	l.after(inner.sign, false)
	start := l.at
	for l.at < len(l.src) {
		if end, ok := l.bare("endraw"); ok {
			text := l.src[start:l.at]
			if l.strip {
				text = strings.TrimLeftFunc(text, IsSpace)
				l.strip = false
			}
			l.emit(tokenData, l.before(text, l.src[l.at:]))
			l.advance(end.length)
			l.after(end.sign, true)
			return true
		}
		l.advance(1)
	}
	fail("raw is not closed")
	return false
}

// A bareTag is a block of one word.
type bareTag struct {
	length int
	sign   string
}

func (l *lexer) bare(word string) (bareTag, bool) {
	rest, ok := strings.CutPrefix(l.src[l.at:], "{%")
	if !ok {
		return bareTag{}, false
	}
	const enough = 64 // bytes for a word and the space around it
	inside, _, ok := strings.Cut(rest[:min(enough, len(rest))], "%}")
	if !ok || strings.Trim(inside, "+- \t\n") != word {
		return bareTag{}, false
	}
	return bareTag{len(inside) + 4, inside[len(inside)-1:]}, true
}

// tag reads the inside of {% %} or {{ }}.
func (l *lexer) tag(begin tokenKind, end string, close tokenKind) {
	l.emit(begin, l.src[l.at:l.at+2])
	l.advance(2)
	if l.has("-") || l.has("+") {
		l.advance(1)
	}
	open := 0 // brackets: a }} inside {{ {'a': {}} }} is not the end
	for {
		for l.at < len(l.src) && strings.IndexByte(" \t\n\r", l.src[l.at]) >= 0 {
			l.advance(1)
		}
		if l.at == len(l.src) {
			fail("%s is not closed", end)
		}
		if open == 0 {
			for _, sign := range []string{"-", "+", ""} {
				if l.has(sign + end) {
					l.emit(close, end)
					l.advance(len(sign) + 2)
					l.after(sign, close == tokenBlockEnd)
					return
				}
			}
		}
		c := l.src[l.at]
		switch {
		case c == '\'' || c == '"':
			l.quoted(c)
		case c >= '0' && c <= '9':
			l.number()
		case c == '_' || c >= utf8.RuneSelf || c|0x20 >= 'a' && c|0x20 <= 'z':
			l.name()
		default:
			op := l.operator()
			switch op {
			case "(", "[", "{":
				if open++; open > maxNesting {
					fail("it is nested more than %d levels deep", maxNesting)
				}
			case ")", "]", "}":
				if open--; open < 0 {
					fail("%q closes nothing", op)
				}
			}
		}
	}
}

var operators = []string{
	"//", "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ".", ",", ":", "|",
}

func (l *lexer) operator() string {
	for _, op := range operators {
		if l.has(op) {
			l.emit(tokenOperator, op)
			l.advance(len(op))
			return op
		}
	}
	r, _ := utf8.DecodeRuneInString(l.src[l.at:])
	fail("unexpected character %q", r)
	return ""
}

func (l *lexer) name() {
	n := 0
	for n < len(l.src)-l.at {
		r, size := utf8.DecodeRuneInString(l.src[l.at+n:])
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		n += size
	}
	if n == 0 {
		r, _ := utf8.DecodeRuneInString(l.src[l.at:])
		fail("unexpected character %q", r)
	}
	l.emit(tokenName, l.src[l.at:l.at+n])
	l.advance(n)
}

func (l *lexer) number() {
	rest := l.src[l.at:]
	digits := func(i int) int {
		for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == '_') {
			i++
		}
		return i
	}
	n, kind := digits(0), tokenInt
	if n+1 < len(rest) && rest[n] == '.' && rest[n+1] >= '0' && rest[n+1] <= '9' {
		n, kind = digits(n+1), tokenFloat
	}
	if n < len(rest) && rest[n]|0x20 == 'e' {
		i := n + 1
		if i < len(rest) && (rest[i] == '+' || rest[i] == '-') {
			i++
		}
		if end := digits(i); end > i {
			n, kind = end, tokenFloat
		}
	}
	l.emit(kind, strings.ReplaceAll(rest[:n], "_", ""))
	l.advance(n)
}

// quoted reads a string with Python's escapes.
func (l *lexer) quoted(q byte) {
	line := l.line
	rest := l.src[l.at+1:]
	var b strings.Builder
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case q:
			l.tokens = append(l.tokens, token{tokenString, b.String(), line})
			l.advance(i + 2)
			return
		case '\\':
			i += escape(&b, rest[i+1:])
		default:
			b.WriteByte(rest[i])
		}
	}
	fail("a string is not closed")
}

// escape writes the character of an escape sequence, and returns its length after the
// backslash.
func escape(b *strings.Builder, s string) int {
	if s == "" {
		return 0
	}
	if i := strings.IndexByte(`ntrbfva0\'"`, s[0]); i >= 0 {
		b.WriteByte("\n\t\r\b\f\v\a\x00\\'\""[i])
		return 1
	}
	switch s[0] {
	case '\n': // a continued line
	case 'x', 'u', 'U':
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
		if len(s) > digits {
			if n, err := strconv.ParseUint(s[1:1+digits], 16, 32); err == nil {
				b.WriteRune(rune(n))
				return 1 + digits
			}
		}
		b.WriteString(`\` + s[:1])
	default:
		b.WriteString(`\` + s[:1])
	}
	return 1
}
