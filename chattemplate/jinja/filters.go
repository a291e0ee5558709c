package jinja

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

var filters map[string]func(*machine, Value, arguments) Value

func init() {
	onText := func(method string) func(*machine, Value, arguments) Value {
		return func(m *machine, v Value, a arguments) Value { return textMethods[method](m, m.str(v), a) }
	}
	filters = map[string]func(*machine, Value, arguments) Value{
		"trim":       onText("strip"),
		"upper":      onText("upper"),
		"lower":      onText("lower"),
		"title":      onText("title"),
		"capitalize": onText("capitalize"),
		"replace":    onText("replace"),
		"string":     func(m *machine, v Value, _ arguments) Value { return m.str(v) },
		"safe":       func(m *machine, v Value, _ arguments) Value { return m.str(v) },
		"indent":     indent,
		"escape":     escapeHTML,
		"e":          escapeHTML,
		"tojson":     toJSON,
		"length":     func(m *machine, v Value, _ arguments) Value { return m.length(v) },
		"count":      func(m *machine, v Value, _ arguments) Value { return m.length(v) },
		"default":    orDefault,
		"d":          orDefault,
		"int":        toInt,
		"float":      toFloat,
		"abs": func(_ *machine, v Value, _ arguments) Value {
			switch i, f, isInt, ok := number(v); {
			case isInt:
				return max(i, -i)
			case ok:
				return math.Abs(f)
			}
			fail("%s has no absolute value", kind(v))
			return nil
		},
		"round": func(_ *machine, v Value, a arguments) Value {
			_, f, _, ok := number(v)
			if !ok {
				fail("%s cannot be rounded", kind(v))
			}
			scale := math.Pow(10, float64(a.integer(0, "precision", 0)))
			return math.RoundToEven(f*scale) / scale
		},
		"join": func(m *machine, v Value, a arguments) Value {
			sep, _ := a.text(0, "d")
			items := m.iterate(v)
			if path, ok := a.get(1, "attribute"); ok {
				items = m.each(items, func(v Value) Value { return m.path(v, path) })
			}
			return m.joinList(items, sep)
		},
		"first": func(m *machine, v Value, _ arguments) Value { return m.end(v, false) },
		"last":  func(m *machine, v Value, _ arguments) Value { return m.end(v, true) },
		"list":  func(m *machine, v Value, _ arguments) Value { return NewList(m.iterate(v)...) },
		"items": func(m *machine, v Value, _ arguments) Value {
			if _, ok := v.(undefined); ok {
				return NewList()
			}
			return m.pairsOf(v)
		},
		"dictsort": dictSort,
		"reverse":  reverse,
		"sort":     func(m *machine, v Value, a arguments) Value { return m.sorted(m.iterate(v), a, 0) },
		"unique":   unique,
		"min":      func(m *machine, v Value, a arguments) Value { return m.extreme(v, a, -1) },
		"max":      func(m *machine, v Value, a arguments) Value { return m.extreme(v, a, 1) },
		"sum": func(m *machine, v Value, a arguments) Value {
			var total Value = int64(0)
			for _, x := range m.iterate(v) {
				m.step(1)
				if path, ok := a.get(0, "attribute"); ok {
					x = m.path(x, path)
				}
				total = arithmetic("+", total, x)
			}
			return total
		},
		"map":        mapped,
		"select":     func(m *machine, v Value, a arguments) Value { return m.chosen(v, a, false, true) },
		"reject":     func(m *machine, v Value, a arguments) Value { return m.chosen(v, a, false, false) },
		"selectattr": func(m *machine, v Value, a arguments) Value { return m.chosen(v, a, true, true) },
		"rejectattr": func(m *machine, v Value, a arguments) Value { return m.chosen(v, a, true, false) },
	}
}

func orDefault(_ *machine, v Value, a arguments) Value {
	_, missing := v.(undefined)
	if missing || a.truth(1, "boolean") && !truth(v) {
		if d, ok := a.get(0, "default_value"); ok {
			return d
		}
		return Text{}
	}
	return v
}

// indent indents every line except the first and empty ones.
func indent(m *machine, v Value, a arguments) Value {
	t := m.str(v)
	pad := String(strings.Repeat(" ", 4))
	if w, ok := a.get(0, "width"); ok {
		if s, ok := w.(Text); ok {
			pad = s
		} else {
			n := max(0, integer(w, "the argument width"))
			m.times(n, 1)
			pad = String(strings.Repeat(" ", int(n)))
		}
	}
	first, blank := a.truth(1, "first"), a.truth(2, "blank")
	var texts []Text
	for i, line := range m.lines(t, true).items {
		line := line.(Text)
		empty := strings.TrimRight(line.s, "\r\n") == ""
		if (i > 0 || first) && (blank || !empty) {
			texts = append(texts, pad)
		}
		texts = append(texts, line)
	}
	return m.join(texts...)
}

func escapeHTML(m *machine, v Value, _ arguments) Value {
	t := m.str(v)
	m.make(len(t.s) * 2)
	return t.remade(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;").Replace(t.s))
}

func toInt(m *machine, v Value, a arguments) Value {
	switch i, f, isInt, ok := number(v); {
	case isInt:
		return i
	case ok && math.Abs(f) < 1<<63:
		return int64(f)
	}
	if t, ok := v.(Text); ok {
		m.touch(len(t.s))
		s := strings.TrimFunc(t.s, IsSpace)
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<63 {
			return int64(f)
		}
	}
	return a.integer(0, "default", 0)
}

func toFloat(m *machine, v Value, a arguments) Value {
	if _, f, _, ok := number(v); ok {
		return f
	}
	if t, ok := v.(Text); ok {
		m.touch(len(t.s))
		if f, err := strconv.ParseFloat(strings.TrimFunc(t.s, IsSpace), 64); err == nil {
			return f
		}
	}
	if d, ok := a.get(0, "default"); ok {
		return d
	}
	return 0.0
}

func (m *machine) end(v Value, last bool) Value {
	if t, ok := v.(Text); ok && t.s != "" {
		at := m.runes(t)
		if last {
			return m.cut(t, at.byte(at.size-1), len(t.s))
		}
		return m.cut(t, 0, at.byte(1))
	}
	items := m.iterate(v)
	switch {
	case len(items) == 0:
		return undefined{"the element of an empty list"}
	case last:
		return items[len(items)-1]
	}
	return items[0]
}

func reverse(m *machine, v Value, _ arguments) Value {
	items := m.iterate(v)
	m.make(16 * len(items))
	items = slices.Clone(items)
	slices.Reverse(items)
	if _, ok := v.(Text); ok {
		return m.joinList(items, Text{})
	}
	return NewList(items...)
}

// path follows an attribute path such as "function.name" or a number.
func (m *machine) path(v, path Value) Value {
	t, ok := path.(Text)
	if !ok {
		return m.item(v, path)
	}
	for part := range strings.SplitSeq(t.s, ".") {
		m.step(1)
		if _, missing := v.(undefined); missing {
			return v
		}
		var key Value = String(part)
		if n, err := strconv.ParseInt(part, 10, 64); err == nil {
			key = n
		}
		v = m.item(v, key)
	}
	return v
}

func (m *machine) each(items []Value, f func(Value) Value) []Value {
	m.make(16 * len(items))
	out := make([]Value, len(items))
	for i, v := range items {
		m.step(1)
		out[i] = f(v)
	}
	return out
}

// mapped is map(attribute="name") or map("filter", arguments).
func mapped(m *machine, v Value, a arguments) Value {
	if !truth(v) {
		return NewList() // of none, too
	}
	items := m.iterate(v)
	if path, ok := a.named["attribute"]; ok {
		d, hasDefault := a.named["default"]
		return NewList(m.each(items, func(v Value) Value {
			v = m.path(v, path)
			if _, missing := v.(undefined); missing && hasDefault {
				return d
			}
			return v
		})...)
	}
	f, ok := a.text(0, "filter")
	if !ok {
		fail("map has neither a filter nor an attribute")
	}
	rest := arguments{list: a.list[1:], named: a.named}
	return NewList(m.each(items, func(v Value) Value { return m.filter(f.s, v, rest) })...)
}

// chosen implements select, reject, selectattr and rejectattr: it returns the elements
// that pass a test, directly or by an attribute; without a test, the true ones.
func (m *machine) chosen(v Value, a arguments, attribute, want bool) Value {
	if !truth(v) {
		return NewList() // of none, too
	}
	var path Value
	if attribute {
		if len(a.list) == 0 {
			fail("an attribute is missing")
		}
		path, a.list = a.list[0], a.list[1:]
	}
	var out []Value
	for _, v := range m.iterate(v) {
		m.make(16)
		x := v
		if attribute {
			x = m.path(v, path)
		}
		holds := truth(x)
		if name, ok := a.text(0, "test"); ok {
			holds = m.test(name.s, x, arguments{list: a.list[1:], named: a.named})
		}
		if holds == want {
			out = append(out, v)
		}
	}
	return NewList(out...)
}

// folded is the key by which sorting compares a value, in lower case unless sensitive.
func folded(v Value, sensitive bool) Value {
	if t, ok := v.(Text); ok && !sensitive {
		return String(strings.ToLower(t.s))
	}
	return v
}

// sorted implements sort(reverse, case_sensitive, attribute); its arguments begin at
// first.
func (m *machine) sorted(items []Value, a arguments, first int) *List {
	sensitive := a.truth(first+1, "case_sensitive")
	path, hasPath := a.get(first+2, "attribute")
	m.make(48 * len(items))
	keyed := make([][2]Value, len(items))
	for i, v := range items {
		key := v
		if hasPath {
			key = m.path(v, path)
		}
		if t, ok := key.(Text); ok {
			m.make(len(t.s))
		}
		keyed[i] = [2]Value{folded(key, sensitive), v}
	}
	sign := 1
	if a.truth(first, "reverse") {
		sign = -1
	}
	slices.SortStableFunc(keyed, func(x, y [2]Value) int {
		m.step(1)
		return sign * m.order(x[0], y[0])
	})
	out := make([]Value, len(items))
	for i, k := range keyed {
		out[i] = k[1]
	}
	return NewList(out...)
}

// dictSort returns the pairs of a mapping, sorted by key or by value.
func dictSort(m *machine, v Value, a arguments) Value {
	by := int64(0)
	if t, ok := a.text(1, "by"); ok && t.s == "value" {
		by = 1
	}
	return m.sorted(m.pairsOf(v).items, arguments{named: map[string]Value{
		"attribute":      by,
		"reverse":        a.truth(2, "reverse"),
		"case_sensitive": a.truth(0, "case_sensitive"),
	}}, 0)
}

// pairsOf returns the pairs of key and value of a mapping.
func (m *machine) pairsOf(v Value) *List {
	d, ok := v.(*Dict)
	if !ok {
		fail("%s has no items", kind(v))
	}
	m.make(64 * len(d.keys))
	return d.items()
}

func unique(m *machine, v Value, a arguments) Value {
	seen := map[any]bool{}
	var out []Value
	for _, x := range m.iterate(v) {
		m.make(64)
		key := x
		if path, ok := a.get(1, "attribute"); ok {
			key = m.path(x, path)
		}
		h, ok := hash(folded(key, a.truth(0, "case_sensitive")))
		if !ok {
			fail("%s is not hashable", kind(key))
		}
		if !seen[h] {
			seen[h] = true
			out = append(out, x)
		}
	}
	return NewList(out...)
}

func (m *machine) extreme(v Value, a arguments, sign int) Value {
	items := m.iterate(v)
	if len(items) == 0 {
		return undefined{"the element of an empty list"}
	}
	best := items[0]
	for _, x := range items[1:] {
		m.step(1)
		if sign*m.order(folded(x, a.truth(0, "case_sensitive")), folded(best, a.truth(0, "case_sensitive"))) > 0 {
			best = x
		}
	}
	return best
}
