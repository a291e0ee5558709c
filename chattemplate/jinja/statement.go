package jinja

// A machine runs one rendering.
type machine struct {
	steps int
	bytes int64
	depth int
	line  int // of the statement that runs
	out   *builder
}

// step counts n evaluations.
func (m *machine) step(n int) {
	if m.steps -= n; m.steps < 0 {
		panic(fault{ErrLimit})
	}
}

// touch counts going through n bytes.
func (m *machine) touch(n int) { m.step(n / 256) }

// make counts n bytes of memory, before they are taken.
func (m *machine) make(n int) {
	if m.bytes -= int64(n); m.bytes < 0 || n < 0 {
		panic(fault{ErrLimit})
	}
	m.touch(n)
}

// deeper enters a level of evaluation. It returns the level to restore.
func (m *machine) deeper() int {
	m.step(1)
	if m.depth++; m.depth > maxDepth {
		panic(fault{ErrLimit})
	}
	return m.depth - 1
}

func (m *machine) write(t Text) {
	m.make(len(t.s) + 24*len(t.marks))
	m.out.add(t)
}

// capture runs what writes, and returns what it wrote.
func (m *machine) capture(write func()) Text {
	outer := m.out
	var b builder
	m.out = &b
	write()
	m.out = outer
	return b.text()
}

// A scope holds variables. Names that it lacks are looked for in its parent.
type scope struct {
	vars   map[string]Value
	parent *scope
}

func (s *scope) inner() *scope { return &scope{map[string]Value{}, s} }

// A signal reports a break or a continue.
type signal int

const (
	goesOn signal = iota
	breaks
	continues
)

type statement interface {
	exec(*machine, *scope) signal
}

func (m *machine) run(list []statement, s *scope) signal {
	depth := m.deeper()
	for _, st := range list {
		m.step(1)
		if sig := st.exec(m, s); sig != goesOn {
			m.depth = depth
			return sig
		}
	}
	m.depth = depth
	return goesOn
}

type data struct{ text Text }

func (d *data) exec(m *machine, _ *scope) signal {
	m.write(d.text)
	return goesOn
}

type output struct {
	value expression
	line  int
}

func (o *output) exec(m *machine, s *scope) signal {
	m.line = o.line
	m.write(m.str(m.eval(o.value, s)))
	return goesOn
}

type group []statement

func (g group) exec(m *machine, s *scope) signal { return m.run(g, s) }

type leave signal

func (l leave) exec(*machine, *scope) signal { return signal(l) }

type branch struct {
	test expression
	body []statement
}

type ifElse struct {
	branches  []branch
	otherwise []statement
	line      int
}

func (i *ifElse) exec(m *machine, s *scope) signal {
	m.line = i.line
	for _, b := range i.branches {
		if truth(m.eval(b.test, s)) {
			return m.run(b.body, s)
		}
	}
	return m.run(i.otherwise, s)
}

type forLoop struct {
	targets   []string
	over      expression
	only      expression // which elements; nil: all
	body      []statement
	otherwise []statement // runs when there are none
	line      int
}

func (f *forLoop) exec(m *machine, s *scope) signal {
	m.line = f.line
	items := m.iterate(m.eval(f.over, s))
	if f.only != nil {
		var some []Value
		for _, v := range items {
			m.make(16)
			in := s.inner()
			f.bind(in, v)
			if truth(m.eval(f.only, in)) {
				some = append(some, v)
			}
		}
		items = some
	}
	if len(items) == 0 {
		return m.run(f.otherwise, s)
	}
	l := &loop{items: items}
	for i, v := range items {
		m.make(64)
		l.i = i
		in := s.inner()
		in.vars["loop"] = l
		f.bind(in, v)
		if m.run(f.body, in) == breaks {
			break
		}
	}
	return goesOn
}

func (f *forLoop) bind(s *scope, v Value) {
	unpack(f.targets, v, func(n string, v Value) { s.vars[n] = v })
}

// unpack gives names their values, one each or a list's elements.
func unpack(names []string, v Value, set func(string, Value)) {
	if len(names) == 1 {
		set(names[0], v)
		return
	}
	l, ok := v.(*List)
	if !ok || len(l.items) != len(names) {
		fail("%s does not have %d elements", kind(v), len(names))
	}
	for i, n := range names {
		set(n, l.items[i])
	}
}

// A loop is what a body knows about it.
type loop struct {
	items []Value
	i     int
	last  Value // what changed() saw
	seen  bool
}

func (l *loop) attribute(name string) Value {
	n := len(l.items)
	switch name {
	case "index":
		return int64(l.i + 1)
	case "index0":
		return int64(l.i)
	case "revindex":
		return int64(n - l.i)
	case "revindex0":
		return int64(n - l.i - 1)
	case "first":
		return l.i == 0
	case "last":
		return l.i == n-1
	case "length":
		return int64(n)
	case "depth": // only recursive loops, which no template has, go deeper
		return int64(1)
	case "depth0":
		return int64(0)
	case "previtem":
		if l.i > 0 {
			return l.items[l.i-1]
		}
	case "nextitem":
		if l.i+1 < n {
			return l.items[l.i+1]
		}
	case "cycle":
		return function(func(_ *machine, a arguments) Value {
			if len(a.list) == 0 {
				fail("loop.cycle has nothing to go through")
			}
			return a.list[l.i%len(a.list)]
		})
	case "changed":
		return function(func(m *machine, a arguments) Value {
			now := NewList(a.list...)
			same := l.seen && m.equal(l.last, now, 0)
			l.last, l.seen = now, true
			return !same
		})
	}
	return undefined{"loop." + name}
}

type assign struct {
	targets   []string
	attribute string // of a namespace
	value     expression
	body      []statement // instead of value
	filters   expression
	line      int
}

func (a *assign) exec(m *machine, s *scope) signal {
	m.line = a.line
	var v Value
	if a.value != nil {
		v = m.eval(a.value, s)
	} else {
		v = m.filtered(a.filters, m.capture(func() { m.run(a.body, s.inner()) }), s)
	}
	if a.attribute == "" {
		unpack(a.targets, v, func(n string, v Value) { s.vars[n] = v })
		return goesOn
	}
	ns, ok := m.find(s, a.targets[0]).(*namespace)
	if !ok {
		fail("%s is not a namespace", a.targets[0])
	}
	ns.vars[a.attribute] = v
	return goesOn
}

// filtered puts text through filters, which find it in the place of [rendered].
func (m *machine) filtered(filters expression, t Text, s *scope) Value {
	in := s.inner()
	in.vars[renderedName] = t
	return m.eval(filters, in)
}

type filterBlock struct {
	body    []statement
	filters expression
	line    int
}

func (f *filterBlock) exec(m *machine, s *scope) signal {
	t := m.capture(func() { m.run(f.body, s.inner()) })
	m.line = f.line
	m.write(m.str(m.filtered(f.filters, t, s)))
	return goesOn
}

type macro struct {
	name     string
	params   []string
	defaults []expression // nil where there is none
	body     []statement
	line     int
}

func (d *macro) exec(_ *machine, s *scope) signal {
	s.vars[d.name] = function(func(m *machine, a arguments) Value {
		if len(a.list) > len(d.params) {
			fail("%s takes %d arguments and got %d", d.name, len(d.params), len(a.list))
		}
		in := s.inner()
		for i, p := range d.params {
			v, ok := a.get(i, p)
			switch {
			case ok:
			case d.defaults[i] != nil:
				v = m.eval(d.defaults[i], in)
			default:
				v = undefined{p}
			}
			in.vars[p] = v
		}
		for n := range a.named {
			if _, ok := in.vars[n]; !ok {
				fail("%s takes no argument %s", d.name, n)
			}
		}
		line := m.line
		t := m.capture(func() { m.run(d.body, in) })
		m.line = line
		return t
	})
	return goesOn
}
