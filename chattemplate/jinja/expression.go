package jinja

import (
	"math"
	"strings"
	"unicode/utf8"
)

type expression interface {
	eval(*machine, *scope) Value
}

// eval evaluates a node, and counts it.
func (m *machine) eval(e expression, s *scope) Value {
	depth := m.deeper()
	v := e.eval(m, s)
	m.depth = depth
	return v
}

func (m *machine) find(s *scope, name string) Value {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v
		}
	}
	return undefined{name}
}

type literal struct{ value Value }

func (l literal) eval(*machine, *scope) Value { return l.value }

type name string

func (n name) eval(m *machine, s *scope) Value { return m.find(s, string(n)) }

// rendered is what a block wrote, where filters of the block are applied to it.
type rendered struct{}

const renderedName = "{%" // no variable has it

func (rendered) eval(m *machine, s *scope) Value { return m.find(s, renderedName) }

type list struct {
	items []expression
	tuple bool
}

func (l *list) eval(m *machine, s *scope) Value {
	m.make(16 * len(l.items))
	values := make([]Value, len(l.items))
	for i, e := range l.items {
		values[i] = m.eval(e, s)
	}
	return &List{values, l.tuple}
}

type dict struct{ keys, values []expression }

func (d *dict) eval(m *machine, s *scope) Value {
	m.make(64 * len(d.keys))
	out := NewDict()
	for i, k := range d.keys {
		key := m.eval(k, s)
		if !out.set(key, m.eval(d.values[i], s)) {
			fail("%s cannot be a key", kind(key))
		}
	}
	return out
}

// callArguments are the expressions of a call, arguments their values.
type callArguments struct {
	list  []expression
	names []string
	named []expression
}

type arguments struct {
	list  []Value
	named map[string]Value
	names []string // of named, in their order
}

func (a callArguments) eval(m *machine, s *scope) arguments {
	out := arguments{names: a.names}
	for _, e := range a.list {
		out.list = append(out.list, m.eval(e, s))
	}
	for i, e := range a.named {
		if out.named == nil {
			out.named = map[string]Value{}
		}
		out.named[a.names[i]] = m.eval(e, s)
	}
	return out
}

// get is the argument at place i, or of this name.
func (a arguments) get(i int, name string) (Value, bool) {
	if i < len(a.list) {
		return a.list[i], true
	}
	v, ok := a.named[name]
	return v, ok
}

// text is an argument that must be a string.
func (a arguments) text(i int, name string) (Text, bool) {
	v, ok := a.get(i, name)
	if !ok || v == nil {
		return Text{}, false
	}
	t, ok := v.(Text)
	if !ok {
		fail("the argument %s is %s, not a string", name, kind(v))
	}
	return t, true
}

// integer is an argument that must be one, d when it is not given.
func (a arguments) integer(i int, name string, d int64) int64 {
	v, ok := a.get(i, name)
	if !ok || v == nil {
		return d
	}
	return integer(v, "the argument "+name)
}

// truth is an argument's bool(), false when it is not given.
func (a arguments) truth(i int, name string) bool {
	v, _ := a.get(i, name)
	return truth(v)
}

type attribute struct {
	of   expression
	name string
}

func (a *attribute) eval(m *machine, s *scope) Value { return attr(m.eval(a.of, s), a.name) }

// attr is v.name: a method before a key, as Python has it.
func attr(v Value, name string) Value {
	switch v := v.(type) {
	case undefined:
		fail("%q is undefined", v.name)
	case Text:
		if f, ok := textMethods[name]; ok {
			return function(func(m *machine, a arguments) Value { return f(m, v, a) })
		}
	case *Dict:
		if f, ok := dictMethods[name]; ok {
			return function(func(m *machine, a arguments) Value { return f(m, v, a) })
		}
		if x, ok := v.lookup(name); ok {
			return x
		}
	case *namespace:
		if x, ok := v.vars[name]; ok {
			return x
		}
	case *loop:
		return v.attribute(name)
	}
	return undefined{name}
}

type item struct {
	of, key expression
}

func (i *item) eval(m *machine, s *scope) Value { return m.item(m.eval(i.of, s), m.eval(i.key, s)) }

// item is v[key]: a key before a method.
func (m *machine) item(v, key Value) Value {
	switch v := v.(type) {
	case undefined:
		fail("%q is undefined", v.name)
	case *Dict:
		if x, ok := v.get(key); ok {
			return x
		}
	case *List:
		if i, _, isInt, _ := number(key); isInt {
			if i < 0 {
				i += int64(len(v.items))
			}
			if i >= 0 && i < int64(len(v.items)) {
				return v.items[i]
			}
		}
	case Text:
		if i, _, isInt, _ := number(key); isInt {
			at := m.runes(v)
			if n := int64(at.len()); i < 0 {
				i += n
			}
			if i >= 0 && i < int64(at.len()) {
				return v.slice(at.byte(int(i)), at.byte(int(i)+1))
			}
		}
	}
	if t, ok := key.(Text); ok {
		return attr(v, t.s)
	}
	return undefined{"item"}
}

// A runeIndex knows where each rune of a text begins. ASCII needs no table.
type runeIndex struct {
	size  int
	table []int
}

func (m *machine) runes(t Text) runeIndex {
	m.touch(len(t.s))
	ascii := strings.IndexFunc(t.s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
	if ascii {
		return runeIndex{size: len(t.s)}
	}
	m.make(8 * len(t.s))
	table := make([]int, 0, len(t.s))
	for i := range t.s {
		table = append(table, i)
	}
	return runeIndex{len(table), append(table, len(t.s))}
}

func (r runeIndex) len() int { return r.size }

func (r runeIndex) byte(i int) int {
	if r.table == nil {
		return i
	}
	return r.table[i]
}

type slice struct {
	of    expression
	parts [3]expression // from, to, step; nil where left out
}

func (x *slice) eval(m *machine, s *scope) Value {
	v := m.eval(x.of, s)
	var bounds [3]*int64
	for i, e := range x.parts {
		if e == nil {
			continue
		}
		if p := m.eval(e, s); p != nil {
			n := integer(p, "a slice's part")
			bounds[i] = &n
		}
	}
	step := int64(1)
	if bounds[2] != nil {
		step = *bounds[2]
	}
	if step == 0 {
		fail("a slice's step is 0")
	}
	switch v := v.(type) {
	case *List:
		from, n := sliceBounds(bounds[0], bounds[1], step, int64(len(v.items)))
		m.make(16 * n)
		items := make([]Value, n)
		for i := range items {
			items[i] = v.items[from+int64(i)*step]
		}
		return NewList(items...)
	case Text:
		at := m.runes(v)
		from, n := sliceBounds(bounds[0], bounds[1], step, int64(at.len()))
		m.step(len(v.marks) / 8)
		if n == 0 {
			return Text{}
		}
		if step == 1 {
			return v.slice(at.byte(int(from)), at.byte(int(from)+n))
		}
		m.make(n)
		m.step(n)
		var b builder
		for i := range n {
			k := int(from + int64(i)*step)
			b.add(v.slice(at.byte(k), at.byte(k+1)))
		}
		return b.text()
	case undefined:
		return v
	}
	fail("%s cannot be sliced", kind(v))
	return nil
}

// sliceBounds is where a slice begins and how many elements it has, for a
// length of n: Python's slice.indices.
func sliceBounds(from, to *int64, step, n int64) (first int64, count int) {
	low, high := int64(0), n
	if step < 0 {
		low, high = -1, n-1
	}
	clamp := func(v *int64, d int64) int64 {
		if v == nil {
			return d
		}
		x := *v
		if x < 0 {
			x = max(x, -n-1) + n
		}
		return min(max(x, low), high)
	}
	if step > 0 {
		a, b := clamp(from, low), clamp(to, high)
		if a >= b {
			return 0, 0
		}
		return a, int((b-a-1)/step + 1)
	}
	a, b := clamp(from, high), clamp(to, low)
	if b >= a {
		return 0, 0
	}
	if step < -n {
		step = -n // one element, without overflow
	}
	return a, int((a-b-1)/-step + 1)
}

type call struct {
	f    expression
	args callArguments
}

func (c *call) eval(m *machine, s *scope) Value {
	v := m.eval(c.f, s)
	f, ok := v.(function)
	if !ok {
		fail("%s cannot be called", kind(v))
	}
	return f(m, c.args.eval(m, s))
}

type filter struct {
	of   expression
	name string
	args callArguments
}

func (f *filter) eval(m *machine, s *scope) Value {
	v := m.eval(f.of, s)
	return m.filter(f.name, v, f.args.eval(m, s))
}

func (m *machine) filter(name string, v Value, a arguments) Value {
	f, ok := filters[name]
	if !ok {
		fail("the filter %q is unknown", name)
	}
	return f(m, v, a)
}

type test struct {
	of   expression
	name string
	args callArguments
	not  bool
}

func (t *test) eval(m *machine, s *scope) Value {
	v := m.eval(t.of, s)
	return m.test(t.name, v, t.args.eval(m, s)) != t.not
}

func (m *machine) test(name string, v Value, a arguments) bool {
	f, ok := tests[name]
	if !ok {
		fail("the test %q is unknown", name)
	}
	return f(m, v, a)
}

type conditional struct{ yes, test, no expression }

func (c *conditional) eval(m *machine, s *scope) Value {
	switch {
	case truth(m.eval(c.test, s)):
		return m.eval(c.yes, s)
	case c.no != nil:
		return m.eval(c.no, s)
	}
	return undefined{"a value without else"}
}

type logic struct {
	a, b expression
	or   bool
}

func (l *logic) eval(m *machine, s *scope) Value {
	if v := m.eval(l.a, s); truth(v) == l.or {
		return v
	}
	return m.eval(l.b, s)
}

type negation struct{ of expression }

func (n *negation) eval(m *machine, s *scope) Value { return !truth(m.eval(n.of, s)) }

type sign struct {
	of       expression
	negative bool
}

func (x *sign) eval(m *machine, s *scope) Value {
	v := m.eval(x.of, s)
	i, f, isInt, ok := number(v)
	switch {
	case !ok:
		fail("%s has no sign", kind(v))
	case isInt && x.negative:
		return -i
	case isInt:
		return i
	case x.negative:
		return -f
	}
	return f
}

type comparison struct {
	first expression
	ops   []string
	rest  []expression
}

func (c *comparison) eval(m *machine, s *scope) Value {
	a := m.eval(c.first, s)
	for i, op := range c.ops {
		b := m.eval(c.rest[i], s)
		if !m.compare(op, a, b) {
			return false
		}
		a = b
	}
	return true
}

func (m *machine) compare(op string, a, b Value) bool {
	switch op {
	case "==":
		return m.equal(a, b, 0)
	case "!=":
		return !m.equal(a, b, 0)
	case "in":
		return m.contains(b, a)
	case "not in":
		return !m.contains(b, a)
	case "<":
		return m.order(a, b) < 0
	case "<=":
		return m.order(a, b) <= 0
	case ">":
		return m.order(a, b) > 0
	}
	return m.order(a, b) >= 0
}

type binary struct {
	op   string
	a, b expression
}

func (x *binary) eval(m *machine, s *scope) Value {
	a, b := m.eval(x.a, s), m.eval(x.b, s)
	if x.op == "~" {
		return m.join(m.str(a), m.str(b))
	}
	if at, ok := a.(Text); ok && x.op == "+" {
		bt, ok := b.(Text)
		if !ok {
			fail("a string and %s cannot be added", kind(b))
		}
		return m.join(at, bt)
	}
	if al, ok := a.(*List); ok && x.op == "+" {
		bl, ok := b.(*List)
		if !ok {
			fail("a list and %s cannot be added", kind(b))
		}
		m.make(16 * (len(al.items) + len(bl.items)))
		return NewList(append(append([]Value(nil), al.items...), bl.items...)...)
	}
	if x.op == "*" {
		if v, ok := m.repeat(a, b); ok {
			return v
		}
	}
	return arithmetic(x.op, a, b)
}

func (m *machine) join(texts ...Text) Text {
	n := 0
	for _, t := range texts {
		n += len(t.s) + 24*len(t.marks)
	}
	m.make(n)
	var b builder
	for _, t := range texts {
		b.add(t)
	}
	return b.text()
}

// repeat is a string or a list times a number, in either order.
func (m *machine) repeat(a, b Value) (Value, bool) {
	n, _, isInt, _ := number(a)
	v := b
	if !isInt {
		n, _, isInt, _ = number(b)
		v = a
	}
	if !isInt {
		return nil, false
	}
	n = max(n, 0)
	switch v := v.(type) {
	case Text:
		m.times(n, len(v.s)+24*len(v.marks))
		var out builder
		for range n {
			out.add(v)
		}
		return out.text(), true
	case *List:
		m.times(n, 16*len(v.items))
		var items []Value
		for range n {
			items = append(items, v.items...)
		}
		return NewList(items...), true
	}
	return nil, false
}

// times counts n times as many bytes, or steps when there are none.
func (m *machine) times(n int64, bytes int) {
	if n > math.MaxInt32 {
		panic(fault{ErrLimit})
	}
	m.step(int(n))
	m.make(int(n) * bytes)
}

func arithmetic(op string, a, b Value) Value {
	ai, af, aInt, aok := number(a)
	bi, bf, bInt, bok := number(b)
	if !aok || !bok {
		fail("%s %s %s cannot be computed", kind(a), op, kind(b))
	}
	if bf == 0 && (op == "/" || op == "//" || op == "%") {
		fail("division by zero")
	}
	if aInt && bInt {
		switch op {
		case "+":
			return ai + bi
		case "-":
			return ai - bi
		case "*":
			return ai * bi
		case "//":
			return (ai - mod(ai, bi)) / bi
		case "%":
			return mod(ai, bi)
		case "**":
			if p := math.Pow(af, bf); bi >= 0 && math.Abs(p) < 1<<53 {
				return int64(p)
			}
		}
	}
	switch op {
	case "+":
		return af + bf
	case "-":
		return af - bf
	case "*":
		return af * bf
	case "/":
		return af / bf
	case "//":
		return math.Floor(af / bf)
	case "%":
		return af - bf*math.Floor(af/bf)
	}
	return math.Pow(af, bf)
}

// mod has the sign of b, as Python's % does.
func mod(a, b int64) int64 {
	r := a % b
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r
}
