package jinja

import (
	"fmt"
	"strings"
	"time"
)

// functions are the global functions.
var functions map[string]function

func init() {
	functions = map[string]function{
		"raise_exception": func(m *machine, a arguments) Value {
			v, _ := a.get(0, "message")
			const enough = 1000 // bytes of a message
			s := m.str(v).s
			panic(fault{&Raised{strings.ToValidUTF8(s[:min(enough, len(s))], "")}})
		},
		"range": rangeOf,
		"namespace": func(m *machine, a arguments) Value {
			ns := &namespace{map[string]Value{}}
			if v, ok := a.get(0, ""); ok {
				d, ok := v.(*Dict)
				if !ok {
					fail("a namespace cannot be made of %s", kind(v))
				}
				for i, k := range d.keys {
					ns.vars[m.str(k).s] = d.values[i]
				}
			}
			for n, v := range a.named {
				ns.vars[n] = v
			}
			return ns
		},
		"dict": func(m *machine, a arguments) Value {
			d := NewDict()
			for _, n := range a.names {
				d.Set(n, a.named[n])
			}
			return d
		},
	}
}

func rangeOf(m *machine, a arguments) Value {
	from, to, step := int64(0), int64(0), int64(1)
	switch len(a.list) {
	case 1:
		to = integer(a.list[0], "a range's end")
	case 2, 3:
		from, to = integer(a.list[0], "a range's start"), integer(a.list[1], "a range's end")
		if len(a.list) == 3 {
			step = integer(a.list[2], "a range's step")
		}
	default:
		fail("range takes one to three numbers")
	}
	if step == 0 {
		fail("a range's step is 0")
	}
	var items []Value
	for i := from; step > 0 && i < to || step < 0 && i > to; {
		m.make(32)
		items = append(items, i)
		next := i + step
		if (next > i) != (step > 0) {
			break // past the largest integer
		}
		i = next
	}
	return NewList(items...)
}

// Clock makes the function strftime_now, which templates use to write the date.
func Clock(now func() time.Time) Value {
	return function(func(m *machine, a arguments) Value {
		format, _ := a.text(0, "format")
		m.times(int64(len(format.s)), 32)
		return format.remade(strftime(format.s, now()))
	})
}

var timeFormats = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'B': "January", 'b': "Jan", 'h': "Jan", 'A': "Monday", 'a': "Mon",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'Z': "MST", 'z': "-0700", 'j': "002",
	'F': "2006-01-02", 'D': "01/02/06", 'T': "15:04:05", 'R': "15:04", 'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05",
}

// strftime is C's strftime in English. %-d is %d without leading zeros.
func strftime(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		bare := format[i] == '-' && i+1 < len(format)
		if bare {
			i++
		}
		layout, ok := timeFormats[format[i]]
		switch {
		case ok:
			s := t.Format(layout)
			if bare {
				if s = strings.TrimLeft(s, "0 "); s == "" {
					s = "0"
				}
			}
			b.WriteString(s)
		case format[i] == '%':
			b.WriteByte('%')
		default:
			fmt.Fprintf(&b, "%%%c", format[i])
		}
	}
	return b.String()
}
