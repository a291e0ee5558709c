package jinja

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// dictMethods are Python's, except for the modifying ones.
var dictMethods map[string]func(*machine, *Dict, arguments) Value

// textMethods are the methods of Python's str that templates use.
var textMethods map[string]func(*machine, Text, arguments) Value

func init() {
	dictMethods = map[string]func(*machine, *Dict, arguments) Value{
		"get": func(_ *machine, d *Dict, a arguments) Value {
			key, _ := a.get(0, "key")
			if v, ok := d.get(key); ok {
				return v
			}
			v, _ := a.get(1, "default")
			return v
		},
		"items":  func(m *machine, d *Dict, _ arguments) Value { return m.pairsOf(d) },
		"keys":   func(_ *machine, d *Dict, _ arguments) Value { return NewList(d.keys...) },
		"values": func(_ *machine, d *Dict, _ arguments) Value { return NewList(d.values...) },
	}
	textMethods = map[string]func(*machine, Text, arguments) Value{
		"strip":      func(m *machine, t Text, a arguments) Value { return m.trim(t, a, true, true) },
		"lstrip":     func(m *machine, t Text, a arguments) Value { return m.trim(t, a, true, false) },
		"rstrip":     func(m *machine, t Text, a arguments) Value { return m.trim(t, a, false, true) },
		"split":      func(m *machine, t Text, a arguments) Value { return m.split(t, a, false) },
		"rsplit":     func(m *machine, t Text, a arguments) Value { return m.split(t, a, true) },
		"splitlines": func(m *machine, t Text, a arguments) Value { return m.lines(t, a.truth(0, "keepends")) },
		"startswith": affix(strings.HasPrefix),
		"endswith":   affix(strings.HasSuffix),
		"removeprefix": func(m *machine, t Text, a arguments) Value {
			x, _ := a.text(0, "prefix")
			return m.cut(t, len(t.s)-len(strings.TrimPrefix(t.s, x.s)), len(t.s))
		},
		"removesuffix": func(m *machine, t Text, a arguments) Value {
			x, _ := a.text(0, "suffix")
			return m.cut(t, 0, len(strings.TrimSuffix(t.s, x.s)))
		},
		"upper":      remake(strings.ToUpper),
		"lower":      remake(strings.ToLower),
		"title":      remake(title),
		"capitalize": remake(capitalize),
		"replace":    func(m *machine, t Text, a arguments) Value { return m.replace(t, a) },
		"find":       search(func(s, x string) int { return runeOffset(s, strings.Index(s, x)) }),
		"rfind":      search(func(s, x string) int { return runeOffset(s, strings.LastIndex(s, x)) }),
		"count":      search(strings.Count),
		"join": func(m *machine, t Text, a arguments) Value {
			v, _ := a.get(0, "iterable")
			return m.joinList(m.iterate(v), t)
		},
		"isdigit":   every(unicode.IsDigit),
		"isnumeric": every(unicode.IsNumber),
		"isalpha":   every(unicode.IsLetter),
		"isalnum":   every(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
		"isspace":   every(IsSpace),
		"isupper":   is(func(s string) bool { return s == strings.ToUpper(s) && s != strings.ToLower(s) }),
		"islower":   is(func(s string) bool { return s == strings.ToLower(s) && s != strings.ToUpper(s) }),
	}
}

// cut is bytes i to j of a text.
func (m *machine) cut(t Text, i, j int) Text {
	m.step(1 + len(t.marks)/8)
	return t.slice(i, j)
}

func (m *machine) trim(t Text, a arguments, left, right bool) Text {
	m.step(1 + len(t.marks)/8)
	if chars, ok := a.text(0, "chars"); ok {
		m.touch(len(t.s) * min(len(chars.s), 1<<10))
		return t.trimmed(func(r rune) bool { return strings.ContainsRune(chars.s, r) }, left, right)
	}
	m.touch(len(t.s))
	return t.trimmed(IsSpace, left, right)
}

// split splits at a separator, by default at white space, at most maxsplit times; from the
// right if right is set.
func (m *machine) split(t Text, a arguments, right bool) *List {
	limit := a.integer(1, "maxsplit", -1)
	sep, ok := a.text(0, "sep")
	if !ok {
		return m.fields(t, limit, right)
	}
	if sep.s == "" {
		fail("a string cannot be split at an empty one")
	}
	m.touch(len(t.s))
	m.make(64 * (strings.Count(t.s, sep.s) + 1))
	var at []int // where separators begin
	for i := 0; ; {
		n := strings.Index(t.s[i:], sep.s)
		if n < 0 {
			break
		}
		at = append(at, i+n)
		i += n + len(sep.s)
	}
	if right {
		// Python searches overlapping separators from the right; those in templates do not
		// overlap.
		if limit >= 0 && int64(len(at)) > limit {
			at = at[int64(len(at))-limit:]
		}
	} else if limit >= 0 && int64(len(at)) > limit {
		at = at[:limit]
	}
	var list []Value
	from := 0
	for _, i := range at {
		list = append(list, m.cut(t, from, i))
		from = i + len(sep.s)
	}
	return NewList(append(list, m.cut(t, from, len(t.s)))...)
}

func (m *machine) fields(t Text, limit int64, right bool) *List {
	m.touch(len(t.s))
	var spans [][2]int
	from := -1
	for i, r := range t.s {
		switch {
		case IsSpace(r) && from >= 0:
			spans = append(spans, [2]int{from, i})
			from = -1
		case !IsSpace(r) && from < 0:
			from = i
		}
	}
	if from >= 0 {
		spans = append(spans, [2]int{from, len(t.s)})
	}
	if n := int64(len(spans)); limit >= 0 && n > limit+1 {
		if right {
			first := n - limit - 1
			spans = append([][2]int{{spans[0][0], spans[first][1]}}, spans[first+1:]...)
		} else {
			spans = append(spans[:limit:limit], [2]int{spans[limit][0], spans[n-1][1]})
		}
	}
	m.make(64 * len(spans))
	list := make([]Value, len(spans))
	for i, s := range spans {
		list[i] = m.cut(t, s[0], s[1])
	}
	return NewList(list...)
}

func (m *machine) lines(t Text, keep bool) *List {
	m.touch(len(t.s))
	m.make(64 * (strings.Count(t.s, "\n") + 1))
	var list []Value
	for from := 0; from < len(t.s); {
		n := strings.IndexByte(t.s[from:], '\n')
		if n < 0 {
			list = append(list, m.cut(t, from, len(t.s)))
			break
		}
		end := from + n
		if keep {
			end++
		} else if end > from && t.s[end-1] == '\r' {
			end--
		}
		list = append(list, m.cut(t, from, end))
		from += n + 1
	}
	return NewList(list...)
}

// affix is startswith or endswith: of one string, or of any in a list.
func affix(has func(s, x string) bool) func(*machine, Text, arguments) Value {
	return func(_ *machine, t Text, a arguments) Value {
		v, _ := a.get(0, "prefix")
		switch v := v.(type) {
		case *List:
			return slices.ContainsFunc(v.items, func(x Value) bool {
				s, ok := x.(Text)
				return ok && has(t.s, s.s)
			})
		case Text:
			return has(t.s, v.s)
		}
		fail("a string cannot begin or end with %s", kind(v))
		return nil
	}
}

// replace is str.replace(old, new, count) and the filter.
func (m *machine) replace(t Text, a arguments) Text {
	old, _ := a.text(0, "old")
	with, _ := a.text(1, "new")
	limit := a.integer(2, "count", -1)
	if old.s == "" {
		fail("an empty string cannot be replaced")
	}
	m.touch(len(t.s))
	n := strings.Count(t.s, old.s)
	if limit >= 0 {
		n = int(min(int64(n), limit))
	}
	if n == 0 {
		return t
	}
	m.make(len(t.s) + 24*len(t.marks))
	m.times(int64(n), 24+len(with.s)+24*len(with.marks))
	var b builder
	from := 0
	for range n {
		i := from + strings.Index(t.s[from:], old.s)
		b.add(m.cut(t, from, i))
		b.add(with)
		from = i + len(old.s)
	}
	b.add(m.cut(t, from, len(t.s)))
	return b.text()
}

// joinList is sep.join for values of every kind, as in the filter.
func (m *machine) joinList(items []Value, sep Text) Text {
	texts := make([]Text, 0, 2*len(items))
	for i, v := range items {
		if i > 0 {
			texts = append(texts, sep)
		}
		texts = append(texts, m.str(v))
	}
	m.make(48 * len(texts))
	return m.join(texts...)
}

// remake makes a method of a function that changes letters, and so possibly the number of
// bytes.
func remake(f func(string) string) func(*machine, Text, arguments) Value {
	return func(m *machine, t Text, _ arguments) Value {
		m.make(2*len(t.s) + 24*len(t.marks))
		return t.remade(f(t.s))
	}
}

func search(f func(s, x string) int) func(*machine, Text, arguments) Value {
	return func(m *machine, t Text, a arguments) Value {
		x, _ := a.text(0, "sub")
		m.touch(len(t.s))
		return int64(f(t.s, x.s))
	}
}

func is(f func(string) bool) func(*machine, Text, arguments) Value {
	return func(m *machine, t Text, _ arguments) Value {
		m.touch(len(t.s))
		return f(t.s)
	}
}

func every(f func(rune) bool) func(*machine, Text, arguments) Value {
	return is(func(s string) bool { return s != "" && strings.TrimLeftFunc(s, f) == "" })
}

func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + strings.ToLower(s[n:])
}

func title(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		was := inWord
		inWord = unicode.IsLetter(r)
		if was {
			return unicode.ToLower(r)
		}
		return unicode.ToTitle(r)
	}, s)
}

// runeOffset turns a byte offset into one of runes; -1 stays.
func runeOffset(s string, i int) int {
	if i < 0 {
		return -1
	}
	return utf8.RuneCountInString(s[:i])
}
