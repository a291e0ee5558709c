package prompt

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Models were trained on JSON written by Python's json module, so JSON in prompts is read
// and written like json.loads and json.dumps with ensure_ascii=False: ", " and ": " as
// separators, unescaped text, Python's numbers, keys in their order.

// A value is null, true or false (constant), number, text, list or *object.
type value any

// constant is a word: null, true, false.
type constant string

// number is written as Python would write it.
type number string

type text string

type list []value

// object keeps its keys in the order they came first.
type object struct {
	keys   []string
	values map[string]value
}

func newObject(pairs ...any) *object {
	o := &object{values: make(map[string]value, len(pairs)/2)}
	for i := 0; i < len(pairs); i += 2 {
		o.set(pairs[i].(string), pairs[i+1])
	}
	return o
}

func (o *object) set(key string, v value) {
	if _, twice := o.values[key]; !twice {
		o.keys = append(o.keys, key)
	}
	o.values[key] = v
}

// jsonDepth is the deepest nesting of lists and objects. Python fails near 1,000 too.
const jsonDepth = 990

// errDeep is the only error that is not a matter of syntax.
var errDeep = fmt.Errorf("JSON nested more than %d deep", jsonDepth)

// parseJSON reads one value. Nesting that is too deep is errDeep.
func parseJSON(s string) (value, error) {
	p := jsonParser{s: s}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.i < len(p.s) {
		return nil, p.fail("more than one value")
	}
	return v, nil
}

type jsonParser struct {
	s string
	i int
}

func (p *jsonParser) fail(what string) error {
	return fmt.Errorf("%s at byte %d", what, p.i)
}

func (p *jsonParser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\n\r", p.s[p.i]) >= 0 {
		p.i++
	}
}

// next takes c, if it is what comes.
func (p *jsonParser) next(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

// literals are JSON's words and Python's additions.
var literals = []struct {
	word string
	v    value
}{
	{"null", constant("null")},
	{"true", constant("true")},
	{"false", constant("false")},
	{"NaN", number("NaN")},
	{"Infinity", number("Infinity")},
	{"-Infinity", number("-Infinity")},
}

func (p *jsonParser) value(depth int) (value, error) {
	if depth > jsonDepth {
		return nil, errDeep
	}
	switch {
	case p.next('"'):
		s, err := p.string()
		return text(s), err
	case p.next('{'):
		return p.object(depth)
	case p.next('['):
		return p.list(depth)
	}
	for _, w := range literals {
		if strings.HasPrefix(p.s[p.i:], w.word) {
			p.i += len(w.word)
			return w.v, nil
		}
	}
	return p.number()
}

func (p *jsonParser) object(depth int) (value, error) {
	o := newObject()
	return o, p.elements('}', func() error {
		if !p.next('"') {
			return p.fail("no key")
		}
		key, err := p.string()
		if err != nil {
			return err
		}
		if p.space(); !p.next(':') {
			return p.fail("no colon after a key")
		}
		p.space()
		v, err := p.value(depth + 1)
		o.set(key, v)
		return err
	})
}

func (p *jsonParser) list(depth int) (value, error) {
	l := list{}
	err := p.elements(']', func() error {
		v, err := p.value(depth + 1)
		l = append(l, v)
		return err
	})
	return l, err
}

// elements reads elements, with commas between them, up to a closing bracket.
func (p *jsonParser) elements(closing byte, element func() error) error {
	if p.space(); p.next(closing) {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if p.space(); p.next(closing) {
			return nil
		}
		if !p.next(',') {
			return p.fail("no comma")
		}
		p.space()
	}
}

// string reads what follows an opening quote. Half a surrogate pair reads as
// U+FFFD: Python keeps it, and loses it when the text is tokenized.
func (p *jsonParser) string() (string, error) {
	var b strings.Builder
	for {
		n := strings.IndexFunc(p.s[p.i:], func(r rune) bool { return r == '"' || r == '\\' || r < ' ' })
		if n < 0 {
			return "", p.fail("a string without end")
		}
		b.WriteString(p.s[p.i : p.i+n])
		p.i += n
		switch {
		case p.next('"'):
			return b.String(), nil
		case !p.next('\\'):
			return "", p.fail("a control character in a string")
		}
		r, err := p.escape()
		if err != nil {
			return "", err
		}
		b.WriteRune(r)
	}
}

// escapes maps the letter after a backslash to its character.
const escapes = `"\/bfnrt`

const escaped = "\"\\/\b\f\n\r\t"

func (p *jsonParser) escape() (rune, error) {
	if p.i < len(p.s) {
		if k := strings.IndexByte(escapes, p.s[p.i]); k >= 0 {
			p.i++
			return rune(escaped[k]), nil
		}
	}
	r, err := p.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	// Half a pair: take the other half when it follows.
	before := p.i
	if p.next('\\') {
		if low, err := p.hex(); err == nil {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return both, nil
			}
		}
	}
	p.i = before
	return utf8.RuneError, nil
}

// hex reads u and four hexadecimal digits.
func (p *jsonParser) hex() (rune, error) {
	if len(p.s)-p.i < 5 || p.s[p.i] != 'u' {
		return 0, p.fail("an unknown escape")
	}
	digits := p.s[p.i+1 : p.i+5]
	n, err := strconv.ParseUint(digits, 16, 16)
	if err != nil || strings.ContainsAny(digits, "+-_") {
		return 0, p.fail("an unknown escape")
	}
	p.i += 5
	return rune(n), nil
}

func (p *jsonParser) number() (value, error) {
	from := p.i
	p.next('-')
	if !p.next('0') && p.digits() == 0 {
		return nil, p.fail("no value")
	}
	end, whole := p.i, true
	if p.next('.') {
		if p.digits() > 0 {
			end, whole = p.i, false
		} else {
			p.i = end
		}
	}
	if p.next('e') || p.next('E') {
		if !p.next('-') {
			p.next('+')
		}
		if p.digits() > 0 {
			end, whole = p.i, false
		}
	}
	p.i = end
	if s := p.s[from:end]; !whole {
		return number(pythonFloat(s)), nil
	} else if s != "-0" {
		return number(s), nil
	}
	return number("0"), nil
}

func (p *jsonParser) digits() int {
	from := p.i
	for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i - from
}

// pythonFloat spells a floating point number as Python's repr does: the shortest
// digits that read back as the same number, with an exponent below 1e-4 and from
// 1e16 on.
func pythonFloat(s string) string {
	f, _ := strconv.ParseFloat(s, 64) // out of range is infinite, as in Python
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// dumpJSON writes a value.
func dumpJSON(v value) string {
	var b strings.Builder
	writeJSON(&b, v)
	return b.String()
}

func writeJSON(b *strings.Builder, v value) {
	switch v := v.(type) {
	case constant:
		b.WriteString(string(v))
	case number:
		b.WriteString(string(v))
	case text:
		writeString(b, string(v))
	case list:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			writeJSON(b, e)
		}
		b.WriteByte(']')
	case *object:
		b.WriteByte('{')
		for i, key := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			writeString(b, key)
			b.WriteString(": ")
			writeJSON(b, v.values[key])
		}
		b.WriteByte('}')
	default:
		panic(fmt.Sprintf("prompt: no JSON for %T", v))
	}
}

func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b.WriteString(s[from:i])
		from = i + 1
		b.WriteByte('\\')
		if k := strings.IndexByte(escaped, c); k >= 0 {
			b.WriteByte(escapes[k])
		} else {
			fmt.Fprintf(b, "u%04x", c)
		}
	}
	b.WriteString(s[from:])
	b.WriteByte('"')
}
