package jinja

import (
	"math"
	"strings"
	"unicode/utf8"
)

// An expression computes a value. Evaluate it with machine.eval, which counts it.
type expression func(*machine, *scope) Value

func (m *machine) eval(e expression, s *scope) Value {
	depth := m.deeper()
	v := e(m, s)
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

func literal(v Value) expression { return func(*machine, *scope) Value { return v } }

func variable(name string) expression {
	return func(m *machine, s *scope) Value { return m.find(s, name) }
}

// renderedName holds the output of a block for the filters applied to it. No variable has
// this name.
const renderedName = "{%"

func list(items []expression, tuple bool) expression {
	return func(m *machine, s *scope) Value {
		m.make(16 * len(items))
		values := make([]Value, len(items))
		for i, e := range items {
			values[i] = m.eval(e, s)
		}
		return &List{values, tuple}
	}
}

func dict(keys, values []expression) expression {
	return func(m *machine, s *scope) Value {
		m.make(64 * len(keys))
		out := NewDict()
		for i, k := range keys {
			key := m.eval(k, s)
			if !out.set(key, m.eval(values[i], s)) {
				fail("%s cannot be a key", kind(key))
			}
		}
		return out
	}
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

// get returns the argument at position i, or by name.
func (a arguments) get(i int, name string) (Value, bool) {
	if i < len(a.list) {
		return a.list[i], true
	}
	v, ok := a.named[name]
	return v, ok
}

// text returns a string argument.
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

// integer returns an integer argument, d by default.
func (a arguments) integer(i int, name string, d int64) int64 {
	v, ok := a.get(i, name)
	if !ok || v == nil {
		return d
	}
	return integer(v, "the argument "+name)
}

// truth returns an argument's bool(), false by default.
func (a arguments) truth(i int, name string) bool {
	v, _ := a.get(i, name)
	return truth(v)
}

func attribute(of expression, name string) expression {
	return func(m *machine, s *scope) Value { return attr(m.eval(of, s), name) }
}

// attr is v.name: methods come before keys, as in Jinja.
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
		if x, ok := v.get(String(name)); ok {
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

func item(of, key expression) expression {
	return func(m *machine, s *scope) Value { return m.item(m.eval(of, s), m.eval(key, s)) }
}

// item is v[key]: keys come before methods.
func (m *machine) item(v, key Value) Value {
	switch v := v.(type) {
	case undefined:
		fail("%q is undefined", v.name)
	case *Dict:
		if x, ok := v.get(key); ok {
			return x
		}
	case *List:
		if i, ok := index(key, len(v.items)); ok {
			return v.items[i]
		}
	case Text:
		at := m.runes(v)
		if i, ok := index(key, at.size); ok {
			return v.slice(at.byte(i), at.byte(i+1))
		}
	}
	if t, ok := key.(Text); ok {
		return attr(v, t.s)
	}
	return undefined{"item"}
}

// index returns a key as an index of n elements; negative ones count from the end.
func index(key Value, n int) (int, bool) {
	i, _, isInt, _ := number(key)
	if i < 0 {
		i += int64(n)
	}
	return int(i), isInt && i >= 0 && i < int64(n)
}

// A runeIndex holds where each rune of a text begins. ASCII needs no table.
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

func (r runeIndex) byte(i int) int {
	if r.table == nil {
		return i
	}
	return r.table[i]
}

// slice is of[from:to:step]; the parts left out are nil.
func slice(of expression, parts [3]expression) expression {
	return func(m *machine, s *scope) Value {
		v := m.eval(of, s)
		var bounds [3]*int64
		for i, e := range parts {
			if e == nil {
				continue
			}
			if p := m.eval(e, s); p != nil {
				n := integer(p, "a slice's part")
				bounds[i] = &n
			}
		}
		return m.slice(v, bounds)
	}
}

func (m *machine) slice(v Value, bounds [3]*int64) Value {
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
		from, n := sliceBounds(bounds[0], bounds[1], step, int64(at.size))
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

func call(of expression, args callArguments) expression {
	return func(m *machine, s *scope) Value {
		v := m.eval(of, s)
		f, ok := v.(function)
		if !ok {
			fail("%s cannot be called", kind(v))
		}
		return f(m, args.eval(m, s))
	}
}

func filter(of expression, name string, args callArguments) expression {
	return func(m *machine, s *scope) Value {
		v := m.eval(of, s)
		return m.filter(name, v, args.eval(m, s))
	}
}

func (m *machine) filter(name string, v Value, a arguments) Value {
	f, ok := filters[name]
	if !ok {
		fail("the filter %q is unknown", name)
	}
	return f(m, v, a)
}

func test(of expression, name string, args callArguments, not bool) expression {
	return func(m *machine, s *scope) Value {
		v := m.eval(of, s)
		return m.test(name, v, args.eval(m, s)) != not
	}
}

func (m *machine) test(name string, v Value, a arguments) bool {
	f, ok := tests[name]
	if !ok {
		fail("the test %q is unknown", name)
	}
	return f(m, v, a)
}

func conditional(yes, test, no expression) expression {
	return func(m *machine, s *scope) Value {
		switch {
		case truth(m.eval(test, s)):
			return m.eval(yes, s)
		case no != nil:
			return m.eval(no, s)
		}
		return undefined{"a value without else"}
	}
}

// logic is a or b if or is set, else a and b.
func logic(a, b expression, or bool) expression {
	return func(m *machine, s *scope) Value {
		if v := m.eval(a, s); truth(v) == or {
			return v
		}
		return m.eval(b, s)
	}
}

func negation(of expression) expression {
	return func(m *machine, s *scope) Value { return !truth(m.eval(of, s)) }
}

func sign(of expression, negative bool) expression {
	return func(m *machine, s *scope) Value {
		v := m.eval(of, s)
		i, f, isInt, ok := number(v)
		switch {
		case !ok:
			fail("%s has no sign", kind(v))
		case isInt && negative:
			return -i
		case isInt:
			return i
		case negative:
			return -f
		}
		return f
	}
}

// comparison is a chain such as a < b <= c.
func comparison(first expression, ops []string, rest []expression) expression {
	return func(m *machine, s *scope) Value {
		a := m.eval(first, s)
		for i, op := range ops {
			b := m.eval(rest[i], s)
			if !m.compare(op, a, b) {
				return false
			}
			a = b
		}
		return true
	}
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

func binary(op string, a, b expression) expression {
	return func(m *machine, s *scope) Value { return m.binary(op, m.eval(a, s), m.eval(b, s)) }
}

func (m *machine) binary(op string, a, b Value) Value {
	if op == "~" {
		return m.join(m.str(a), m.str(b))
	}
	if at, ok := a.(Text); ok && op == "+" {
		bt, ok := b.(Text)
		if !ok {
			fail("a string and %s cannot be added", kind(b))
		}
		return m.join(at, bt)
	}
	if al, ok := a.(*List); ok && op == "+" {
		bl, ok := b.(*List)
		if !ok {
			fail("a list and %s cannot be added", kind(b))
		}
		m.make(16 * (len(al.items) + len(bl.items)))
		return NewList(append(append([]Value(nil), al.items...), bl.items...)...)
	}
	if op == "*" {
		if v, ok := m.repeat(a, b); ok {
			return v
		}
	}
	return arithmetic(op, a, b)
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

// times counts n×bytes, and n steps.
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
