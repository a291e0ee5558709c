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

// touch counts reading n bytes.
func (m *machine) touch(n int) { m.step(n / 256) }

// make counts n bytes of memory before they are allocated.
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

// capture returns the output of write.
func (m *machine) capture(write func()) Text {
	outer := m.out
	var b builder
	m.out = &b
	write()
	m.out = outer
	return b.text()
}

// A scope holds variables. Missing names are looked up in its parent.
type scope struct {
	vars   map[string]Value
	parent *scope
}

func (s *scope) inner() *scope { return &scope{map[string]Value{}, s} }

// A signal reports a break or a continue.
type signal int

const (
	proceed signal = iota
	breaks
	continues
)

// A statement writes output and sets variables.
type statement func(*machine, *scope) signal

func (m *machine) run(list []statement, s *scope) signal {
	depth := m.deeper()
	for _, st := range list {
		m.step(1)
		if sig := st(m, s); sig != proceed {
			m.depth = depth
			return sig
		}
	}
	m.depth = depth
	return proceed
}

// located records the line of a statement for errors.
func located(line int, st statement) statement {
	return func(m *machine, s *scope) signal {
		m.line = line
		return st(m, s)
	}
}

func data(t Text) statement {
	return func(m *machine, _ *scope) signal {
		m.write(t)
		return proceed
	}
}

func output(value expression) statement {
	return func(m *machine, s *scope) signal {
		m.write(m.str(m.eval(value, s)))
		return proceed
	}
}

func group(body []statement) statement {
	return func(m *machine, s *scope) signal { return m.run(body, s) }
}

func leave(sig signal) statement { return func(*machine, *scope) signal { return sig } }

func ifElse(tests []expression, bodies [][]statement, otherwise []statement) statement {
	return func(m *machine, s *scope) signal {
		for i, test := range tests {
			if truth(m.eval(test, s)) {
				return m.run(bodies[i], s)
			}
		}
		return m.run(otherwise, s)
	}
}

type forLoop struct {
	targets   []string
	over      expression
	only      expression // which elements; nil: all
	body      []statement
	otherwise []statement // runs without elements
}

func (f *forLoop) exec(m *machine, s *scope) signal {
	items := m.iterate(m.eval(f.over, s))
	if f.only != nil {
		var some []Value
		for _, v := range items {
			m.make(16)
			in := s.inner()
			in.unpack(f.targets, v)
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
		in.unpack(f.targets, v)
		if m.run(f.body, in) == breaks {
			break
		}
	}
	return proceed
}

// unpack gives names their values, one each or a list's elements.
func (s *scope) unpack(names []string, v Value) {
	if len(names) == 1 {
		s.vars[names[0]] = v
		return
	}
	l, ok := v.(*List)
	if !ok || len(l.items) != len(names) {
		fail("%s does not have %d elements", kind(v), len(names))
	}
	for i, n := range names {
		s.vars[n] = l.items[i]
	}
}

// A loop is the variable loop of a body.
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
				fail("loop.cycle needs an argument")
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
}

func (a *assign) exec(m *machine, s *scope) signal {
	var v Value
	if a.value != nil {
		v = m.eval(a.value, s)
	} else {
		v = m.filtered(a.filters, m.capture(func() { m.run(a.body, s.inner()) }), s)
	}
	if a.attribute == "" {
		s.unpack(a.targets, v)
		return proceed
	}
	ns, ok := m.find(s, a.targets[0]).(*namespace)
	if !ok {
		fail("%s is not a namespace", a.targets[0])
	}
	ns.vars[a.attribute] = v
	return proceed
}

// filtered applies filters, which read renderedName, to a text.
func (m *machine) filtered(filters expression, t Text, s *scope) Value {
	in := s.inner()
	in.vars[renderedName] = t
	return m.eval(filters, in)
}

func filterBlock(body []statement, filters expression, line int) statement {
	return func(m *machine, s *scope) signal {
		t := m.capture(func() { m.run(body, s.inner()) })
		m.line = line
		m.write(m.str(m.filtered(filters, t, s)))
		return proceed
	}
}

type macro struct {
	name     string
	params   []string
	defaults []expression // nil for a required parameter
	body     []statement
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
	return proceed
}
