package jinja

import (
	"math"
	"strings"
)

// tests are the tests of the operator is.
var tests map[string]func(*machine, Value, arguments) bool

func init() {
	of := func(f func(Value) bool) func(*machine, Value, arguments) bool {
		return func(_ *machine, v Value, _ arguments) bool { return f(v) }
	}
	compare := func(op string) func(*machine, Value, arguments) bool {
		return func(m *machine, v Value, a arguments) bool {
			other, _ := a.get(0, "other")
			return m.compare(op, v, other)
		}
	}
	unchanged := func(f func(string) string) func(*machine, Value, arguments) bool {
		return func(m *machine, v Value, _ arguments) bool {
			t := m.str(v)
			m.touch(len(t.s))
			return t.s == f(t.s)
		}
	}
	defined := func(v Value) bool { _, missing := v.(undefined); return !missing }
	isInteger := func(v Value) bool { _, ok := v.(int64); return ok }
	isFloat := func(v Value) bool { _, ok := v.(float64); return ok }
	isString := func(v Value) bool { _, ok := v.(Text); return ok }
	isMapping := func(v Value) bool { _, ok := v.(*Dict); return ok }
	isSequence := func(v Value) bool {
		switch v.(type) {
		case Text, *List, *Dict:
			return true
		}
		return false
	}
	tests = map[string]func(*machine, Value, arguments) bool{
		"defined":   of(defined),
		"undefined": of(func(v Value) bool { return !defined(v) }),
		"none":      of(func(v Value) bool { return v == nil }),
		"boolean":   of(func(v Value) bool { _, ok := v.(bool); return ok }),
		"true":      of(func(v Value) bool { return v == true }),
		"false":     of(func(v Value) bool { return v == false }),
		"integer":   of(isInteger),
		"float":     of(isFloat),
		"number":    of(func(v Value) bool { _, _, _, ok := number(v); return ok }),
		"string":    of(isString),
		"mapping":   of(isMapping),
		"sequence":  of(isSequence),
		"iterable":  of(func(v Value) bool { return isSequence(v) || !defined(v) }),
		"callable":  of(func(v Value) bool { _, ok := v.(function); return ok }),
		"odd":       func(_ *machine, v Value, _ arguments) bool { return mod(integer(v, "the value"), 2) == 1 },
		"even":      func(_ *machine, v Value, _ arguments) bool { return mod(integer(v, "the value"), 2) == 0 },
		"divisibleby": func(_ *machine, v Value, a arguments) bool {
			n := a.integer(0, "num", 0)
			if n == 0 {
				fail("division by zero")
			}
			return integer(v, "the value")%n == 0
		},
		"lower":    unchanged(strings.ToLower),
		"upper":    unchanged(strings.ToUpper),
		"in":       compare("in"),
		"eq":       compare("=="),
		"==":       compare("=="),
		"equalto":  compare("=="),
		"sameas":   sameAs,
		"ne":       compare("!="),
		"!=":       compare("!="),
		"lt":       compare("<"),
		"<":        compare("<"),
		"lessthan": compare("<"),
		"le":       compare("<="),
		"<=":       compare("<="),
		"gt":       compare(">"),
		">":        compare(">"),
		"ge":       compare(">="),
		">=":       compare(">="),
	}
}

// sameAs is Python's is: 1 is not true. Equal strings and lists count as one object.
func sameAs(m *machine, v Value, a arguments) bool {
	other, _ := a.get(0, "other")
	_, b1 := v.(bool)
	_, b2 := other.(bool)
	_, f1 := v.(float64)
	_, f2 := other.(float64)
	if b1 != b2 || f1 != f2 {
		return false
	}
	if f, ok := v.(float64); ok && math.IsNaN(f) {
		return false
	}
	return m.equal(v, other, 0)
}
