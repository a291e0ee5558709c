package jinja

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Value is the value of a variable: nil (none), bool, int64, float64, [Text], *[List],
// *[Dict], or one of the unexported types for undefined, namespaces and functions.
type Value any

// A List is a list or a tuple. It never changes.
type List struct {
	items []Value
	tuple bool // matters only for how it is written
}

// NewList makes a list.
func NewList(items ...Value) *List { return &List{items: items} }

// A Dict is a map with ordered keys. Templates cannot change it.
type Dict struct {
	keys, values []Value
	index        map[any]int
}

// NewDict makes an empty map.
func NewDict() *Dict { return &Dict{index: map[any]int{}} }

// Set gives a name its value.
func (d *Dict) Set(name string, v Value) *Dict {
	d.set(String(name), v)
	return d
}

func (d *Dict) set(key, v Value) bool {
	k, ok := hash(key)
	if !ok {
		return false
	}
	if i, ok := d.index[k]; ok {
		d.values[i] = v
		return true
	}
	d.index[k] = len(d.keys)
	d.keys = append(d.keys, key)
	d.values = append(d.values, v)
	return true
}

func (d *Dict) get(key Value) (Value, bool) {
	k, ok := hash(key)
	if !ok {
		return nil, false
	}
	i, ok := d.index[k]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

// items are pairs of key and value.
func (d *Dict) items() *List {
	list := make([]Value, len(d.keys))
	for i, k := range d.keys {
		list[i] = &List{[]Value{k, d.values[i]}, true}
	}
	return NewList(list...)
}

// hash is the identity of a key: text without its sources, numbers by value.
func hash(key Value) (any, bool) {
	switch k := key.(type) {
	case Text:
		return k.s, true
	case int64, nil:
		return k, true
	case bool:
		i, _, _, _ := number(k)
		return i, true
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1<<53 {
			return int64(k), true
		}
		return k, true
	}
	return nil, false
}

type (
	// undefined is a missing variable or attribute.
	undefined struct{ name string }
	// A namespace is the one value that templates can change.
	namespace struct{ vars map[string]Value }
	// A function can be called.
	function func(*machine, arguments) Value
)

// kind names a value's type in errors.
func kind(v Value) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case undefined:
		return "undefined (" + v.name + ")"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	case Text:
		return "a string"
	case *List:
		return "a list"
	case *Dict:
		return "a mapping"
	case function:
		return "a function"
	}
	return "an object"
}

// truth is Python's bool().
func truth(v Value) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case Text:
		return v.s != ""
	case *List:
		return len(v.items) > 0
	case *Dict:
		return len(v.keys) > 0
	}
	return true
}

// number is a value as a number: integer or float, booleans as 0 and 1.
func number(v Value) (i int64, f float64, isInt, ok bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int64:
		return v, float64(v), true, true
	case float64:
		return 0, v, false, true
	}
	return 0, 0, false, false
}

// integer converts a value that must be an integer.
func integer(v Value, what string) int64 {
	i, _, isInt, _ := number(v)
	if !isInt {
		fail("%s is %s, not an integer", what, kind(v))
	}
	return i
}

// equal is Python's ==.
func (m *machine) equal(a, b Value, depth int) bool {
	m.step(1)
	if depth > maxValue {
		panic(fault{ErrLimit})
	}
	if ai, af, aInt, ok := number(a); ok {
		bi, bf, bInt, ok := number(b)
		if !ok {
			return false
		}
		if aInt && bInt {
			return ai == bi
		}
		return af == bf
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case Text:
		b, ok := b.(Text)
		if ok && len(a.s) == len(b.s) {
			m.touch(len(a.s))
			return a.s == b.s
		}
		return false
	case *List:
		b, ok := b.(*List)
		if !ok || len(a.items) != len(b.items) {
			return false
		}
		for i := range a.items {
			if !m.equal(a.items[i], b.items[i], depth+1) {
				return false
			}
		}
		return true
	case *Dict:
		b, ok := b.(*Dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false
		}
		for i, k := range a.keys {
			v, ok := b.get(k)
			if !ok || !m.equal(a.values[i], v, depth+1) {
				return false
			}
		}
		return true
	case *namespace:
		b, ok := b.(*namespace)
		return ok && a == b
	}
	return false // functions
}

// order is Python's comparison: negative when a comes before b.
func (m *machine) order(a, b Value) int {
	_, af, _, aok := number(a)
	_, bf, _, bok := number(b)
	if aok && bok {
		switch {
		case af < bf:
			return -1
		case af > bf:
			return 1
		}
		return 0
	}
	at, aok := a.(Text)
	bt, bok := b.(Text)
	if !aok || !bok {
		fail("%s and %s have no order", kind(a), kind(b))
	}
	m.touch(min(len(at.s), len(bt.s)))
	return strings.Compare(at.s, bt.s)
}

// iterate is a value's elements.
func (m *machine) iterate(v Value) []Value {
	switch v := v.(type) {
	case undefined:
		return nil
	case *List:
		return v.items
	case *Dict:
		return v.keys
	case Text:
		m.make(16 * len(v.s))
		var list []Value
		for i := 0; i < len(v.s); {
			_, n := utf8.DecodeRuneInString(v.s[i:])
			list = append(list, v.slice(i, i+n))
			i += n
		}
		return list
	}
	fail("%s is not iterable", kind(v))
	return nil
}

// length is Python's len().
func (m *machine) length(v Value) int64 {
	switch v := v.(type) {
	case undefined:
		return 0
	case *List:
		return int64(len(v.items))
	case *Dict:
		return int64(len(v.keys))
	case Text:
		m.touch(len(v.s))
		return int64(utf8.RuneCountInString(v.s))
	}
	fail("%s has no length", kind(v))
	return 0
}

// contains is Python's in.
func (m *machine) contains(in, v Value) bool {
	switch in := in.(type) {
	case Text:
		t, ok := v.(Text)
		if !ok {
			fail("%s cannot be in a string", kind(v))
		}
		m.touch(len(in.s))
		return strings.Contains(in.s, t.s)
	case *Dict:
		_, ok := in.get(v)
		return ok
	}
	return slices.ContainsFunc(m.iterate(in), func(x Value) bool { return m.equal(x, v, 0) })
}

// str is Python's str(), "" for an undefined value.
func (m *machine) str(v Value) Text {
	switch v := v.(type) {
	case Text:
		return v
	case undefined:
		return Text{}
	}
	var b builder
	m.repr(&b, v, 0)
	return b.text()
}

// repr is Python's repr().
func (m *machine) repr(b *builder, v Value, depth int) {
	m.step(1)
	if depth > maxValue {
		panic(fault{ErrLimit})
	}
	switch v := v.(type) {
	case nil:
		b.own("None")
	case undefined:
		b.own("Undefined")
	case bool:
		if v {
			b.own("True")
		} else {
			b.own("False")
		}
	case int64:
		b.own(strconv.FormatInt(v, 10))
	case float64:
		b.own(float(v))
	case Text:
		m.quote(b, v)
	case *List:
		m.make(3 + 2*len(v.items))
		open, shut := "[", "]"
		if v.tuple {
			open, shut = "(", ")"
			if len(v.items) == 1 {
				shut = ",)"
			}
		}
		b.own(open)
		for i, item := range v.items {
			if i > 0 {
				b.own(", ")
			}
			m.repr(b, item, depth+1)
		}
		b.own(shut)
	case *Dict:
		m.make(2 + 4*len(v.keys))
		b.own("{")
		for i, k := range v.keys {
			if i > 0 {
				b.own(", ")
			}
			m.repr(b, k, depth+1)
			b.own(": ")
			m.repr(b, v.values[i], depth+1)
		}
		b.own("}")
	default:
		fail("%s cannot be written", kind(v))
	}
}

// quote writes a string like Python: in single quotes, unless it contains them and no
// double quotes.
func (m *machine) quote(b *builder, t Text) {
	q := "'"
	if strings.Contains(t.s, "'") && !strings.Contains(t.s, `"`) {
		q = `"`
	}
	m.make(2 * len(t.s))
	s := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, q, `\`+q).Replace(t.s)
	b.own(q)
	b.add(t.remade(s))
	b.own(q)
}

// float is Python's repr of a float: the shortest digits that identify it, with a point or
// an exponent.
func float(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	case f == math.Trunc(f) && math.Abs(f) < 1e16:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case math.Abs(f) >= 1e16 || math.Abs(f) < 1e-4:
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
