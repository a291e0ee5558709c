package jinja

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// FromJSON converts a JSON text from outside; keys keep their order. All strings get the
// source.
func FromJSON(data []byte, source int) (Value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := readJSON(d, source, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is more than one value")
	}
	return v, nil
}

func readJSON(d *json.Decoder, source, depth int) (Value, error) {
	if depth > maxValue {
		return nil, fmt.Errorf("it is nested more than %d levels deep", maxValue)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case string:
		return Outside(t, source), nil
	case bool:
		return t, nil
	case json.Number:
		if i, err := t.Int64(); err == nil {
			return i, nil
		}
		f, err := t.Float64()
		return f, err
	case json.Delim:
		if t == '[' {
			l := &List{}
			for d.More() {
				v, err := readJSON(d, source, depth+1)
				if err != nil {
					return nil, err
				}
				l.items = append(l.items, v)
			}
			_, err := d.Token()
			return l, err
		}
		o := NewDict()
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ := k.(string)
			v, err := readJSON(d, source, depth+1)
			if err != nil {
				return nil, err
			}
			o.set(Outside(name, source), v)
		}
		_, err := d.Token()
		return o, err
	}
	return nil, nil // null
}

// jsonStyle are the arguments of Python's json.dumps that transformers' tojson
// takes.
type jsonStyle struct {
	item, key string // separators
	indent    string // "": all in one line
	sort      bool
	ascii     bool
}

func toJSON(m *machine, v Value, a arguments) Value {
	style := jsonStyle{item: ", ", key: ": "}
	style.ascii = a.truth(0, "ensure_ascii")
	if w, ok := a.get(1, "indent"); ok && w != nil {
		if t, ok := w.(Text); ok {
			style.indent = t.s
		} else {
			n := integer(w, "the argument indent")
			m.times(max(0, n), 1)
			style.indent = strings.Repeat(" ", int(max(0, n)))
		}
		style.item = ","
	}
	// Jinja's tojson takes the indentation first.
	if n, ok := a.get(0, "ensure_ascii"); ok && len(a.list) == 1 {
		if i, isInt := n.(int64); isInt {
			m.times(max(0, i), 1)
			style.ascii, style.indent, style.item = false, strings.Repeat(" ", int(max(0, i))), ","
		}
	}
	if s, ok := a.get(2, "separators"); ok && s != nil {
		l, ok := s.(*List)
		if !ok || len(l.items) != 2 {
			fail("the separators of tojson are not two strings")
		}
		style.item, style.key = m.str(l.items[0]).s, m.str(l.items[1]).s
	}
	style.sort = a.truth(3, "sort_keys")
	var b builder
	m.json(&b, v, style, 0)
	return b.text()
}

func (m *machine) json(b *builder, v Value, style jsonStyle, depth int) {
	m.step(1)
	if depth > maxValue {
		panic(fault{ErrLimit})
	}
	newline := func(depth int) {
		if style.indent != "" {
			m.make(1 + len(style.indent)*depth)
			b.own("\n" + strings.Repeat(style.indent, depth))
		}
	}
	switch v := v.(type) {
	case nil:
		b.own("null")
	case bool:
		b.own(strconv.FormatBool(v))
	case int64:
		b.own(strconv.FormatInt(v, 10))
	case float64:
		b.own(jsonFloat(v))
	case Text:
		m.make(2*len(v.s) + 24)
		b.add(v.remade(quoteJSON(v.s, style.ascii)))
	case *List:
		if len(v.items) == 0 {
			b.own("[]")
			return
		}
		m.make((1 + len(style.item)) * len(v.items))
		b.own("[")
		for i, x := range v.items {
			if i > 0 {
				b.own(style.item)
			}
			newline(depth + 1)
			m.json(b, x, style, depth+1)
		}
		newline(depth)
		b.own("]")
	case *Dict:
		if len(v.keys) == 0 {
			b.own("{}")
			return
		}
		m.make((2 + len(style.item) + len(style.key)) * len(v.keys))
		b.own("{")
		for i, pair := range m.pairs(v, style.sort) {
			if i > 0 {
				b.own(style.item)
			}
			newline(depth + 1)
			key, ok := pair[0].(Text)
			if !ok {
				key = String(jsonKey(pair[0]))
			}
			m.json(b, key, style, depth+1)
			b.own(style.key)
			m.json(b, pair[1], style, depth+1)
		}
		newline(depth)
		b.own("}")
	default:
		fail("%s cannot be written as JSON", kind(v))
	}
}

func (m *machine) pairs(d *Dict, sorted bool) [][2]Value {
	m.make(32 * len(d.keys))
	out := make([][2]Value, len(d.keys))
	for i, k := range d.keys {
		out[i] = [2]Value{k, d.values[i]}
	}
	if sorted {
		slices.SortStableFunc(out, func(a, b [2]Value) int {
			m.step(1)
			return m.order(a[0], b[0])
		})
	}
	return out
}

// jsonKey is json.dumps's form of a key that is not a string.
func jsonKey(v Value) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return jsonFloat(v)
	}
	return "null"
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return float(f)
}

// quoteJSON quotes like Python: it escapes quotes, backslashes and control characters, and
// with ascii also all non-ASCII characters.
func quoteJSON(s string, ascii bool) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case strings.ContainsRune("\"\\\n\r\t\b\f", r):
			b.WriteByte('\\')
			b.WriteByte(`"\nrtbf`[strings.IndexRune("\"\\\n\r\t\b\f", r)])
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		case ascii && r > 0xFFFF:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
		case ascii && r >= utf8.RuneSelf:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
