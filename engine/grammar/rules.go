package grammar

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A rule is its alternatives, of which each is a sequence.
type rule [][]element

// An element is a text, a class of runes, or, with neither, a reference to a rule.
type element struct {
	text  string
	class []arc // targets are not used
	ref   int
}

const (
	maxRules    = 400_000
	maxElements = 2_000_000
)

var errLarge = fmt.Errorf("the schema is too large: its grammar has more than %d elements", maxElements)

// A writer collects the rules of a grammar. Rule 0 is the root.
type writer struct {
	rules    []rule
	elements int
	shared   map[string]int // rules that a name or their content identifies
}

func text(s string) element { return element{text: s} }
func ref(n int) element     { return element{ref: n} }
func seq(e ...element) []element {
	return e
}

// reserve makes a rule that is filled later.
func (w *writer) reserve() int {
	w.rules = append(w.rules, nil)
	return len(w.rules) - 1
}

func (w *writer) add(alternatives ...[]element) int {
	n := w.reserve()
	w.set(n, alternatives...)
	return n
}

func (w *writer) set(n int, alternatives ...[]element) {
	w.rules[n] = alternatives
	for _, a := range alternatives {
		w.elements += 1 + len(a)
		for _, e := range a {
			w.elements += len(e.class) + len(e.text)/16
		}
	}
}

func (w *writer) full() bool { return len(w.rules) > maxRules || w.elements > maxElements }

// once makes a rule the first time that its key is asked for.
func (w *writer) once(key string, build func(n int)) int {
	n, ok := w.shared[key]
	if !ok {
		n = w.reserve()
		w.shared[key] = n
		build(n)
	}
	return n
}

// space is the blank that an answer may have inside.
func (w *writer) space() element {
	return ref(w.once("space", func(n int) { w.set(n, seq(text(" ")), seq()) }))
}

// repeat matches x from low to high times; high < 0 means no bound. Its size is about the
// square root of high, and a prefix is matched in at most two ways: a run is made of full
// blocks and one shorter rest.
func (w *writer) repeat(x, low, high int) []element {
	var out []element
	block := 1
	for block*block < max(low, high-low) {
		block++
	}
	blockRule := -1
	full := func() int {
		if blockRule < 0 {
			blockRule = w.add(slices.Repeat(seq(ref(x)), block))
		}
		return blockRule
	}
	if low > 64 {
		out = slices.Repeat(seq(ref(full())), low/block)
		out = append(out, slices.Repeat(seq(ref(x)), low%block)...)
	} else {
		out = slices.Repeat(seq(ref(x)), low)
	}
	if high < 0 {
		n := w.reserve()
		w.set(n, seq(ref(x), ref(n)), seq())
		return append(out, ref(n))
	}
	rest := high - low
	if rest <= 0 {
		return out
	}
	if rest <= 64 {
		block = rest + 1
	}
	// upTo[n] matches at most n times.
	upTo := []int{w.add(seq())}
	for range min(block-1, rest) {
		upTo = append(upTo, w.add(seq(ref(x), ref(upTo[len(upTo)-1])), seq()))
	}
	if rest < block {
		return append(out, ref(upTo[rest]))
	}
	last := upTo[rest%block]
	for range rest / block {
		last = w.add(seq(ref(full()), ref(last)), seq(ref(upTo[block-1])))
	}
	return append(out, ref(last))
}

// anyChar matches a character of a JSON string, as it is or escaped.
func (w *writer) anyChar() int {
	return w.once("char", func(n int) {
		hex := []arc{{lo: '0', hi: '9'}, {lo: 'A', hi: 'F'}, {lo: 'a', hi: 'f'}}
		short := []arc{{lo: '"', hi: '"'}, {lo: '/', hi: '/'}, {lo: '\\', hi: '\\'}, {lo: 'b', hi: 'b'}, {lo: 'f', hi: 'f'}, {lo: 'n', hi: 'n'}, {lo: 'r', hi: 'r'}, {lo: 't', hi: 't'}}
		notD := []arc{{lo: '0', hi: '9'}, {lo: 'A', hi: 'C'}, {lo: 'E', hi: 'F'}, {lo: 'a', hi: 'c'}, {lo: 'e', hi: 'f'}}
		h := element{class: hex}
		// Halves of surrogate pairs are no characters.
		code := w.add(
			seq(element{class: notD}, h, h, h),
			seq(element{class: []arc{{lo: 'D', hi: 'D'}, {lo: 'd', hi: 'd'}}}, element{class: []arc{{lo: '0', hi: '7'}}}, h, h))
		w.set(n,
			seq(element{class: []arc{{lo: ' ', hi: '!'}, {lo: '#', hi: '['}, {lo: ']', hi: unicode.MaxRune}}}),
			seq(text(`\`), element{class: short}),
			seq(text(`\u`), ref(code)))
	})
}

// inString matches one rune of the ranges as JSON strings have it.
func (w *writer) inString(ranges []arc) int {
	if len(ranges) == 1 && ranges[0].lo == 0 && ranges[0].hi == unicode.MaxRune {
		return w.anyChar()
	}
	key := "class"
	for _, r := range ranges {
		key += fmt.Sprintf(" %x-%x", r.lo, r.hi)
	}
	return w.once(key, func(n int) {
		var plain, short, low, high []arc
		add := func(to *[]arc, lo, hi rune) {
			if lo <= hi {
				*to = append(*to, arc{lo: lo, hi: hi})
			}
		}
		for _, r := range ranges {
			for c := r.lo; c <= min(r.hi, '\\'); c++ {
				const hex = "0123456789abcdef"
				switch i := strings.IndexRune("\"\\\b\f\n\r\t", c); {
				case i >= 0:
					l := rune(`"\bfnrt`[i])
					add(&short, l, l)
				case c < 16:
					add(&low, rune(hex[c]), rune(hex[c]))
				case c < ' ':
					add(&high, rune(hex[c-16]), rune(hex[c-16]))
				default:
					add(&plain, c, c)
				}
			}
			add(&plain, max(r.lo, ']'), r.hi)
		}
		var alternatives [][]element
		for _, form := range []struct {
			prefix string
			class  []arc
		}{{"", plain}, {`\`, short}, {`\u000`, low}, {`\u001`, high}} {
			if len(form.class) > 0 {
				a := seq(element{class: joined(form.class)})
				if form.prefix != "" {
					a = append(seq(text(form.prefix)), a...)
				}
				alternatives = append(alternatives, a)
			}
		}
		w.set(n, alternatives...)
	})
}

// joined makes one range of ranges that follow each other.
func joined(ranges []arc) []arc {
	slices.SortFunc(ranges, func(a, b arc) int { return int(a.lo - b.lo) })
	out := ranges[:1]
	for _, r := range ranges[1:] {
		if last := &out[len(out)-1]; last.hi+1 == r.lo {
			last.hi = r.hi
		} else {
			out = append(out, r)
		}
	}
	return out
}

// automaton writes a language, one rule a state. one makes the element that matches a rune
// of some ranges.
func (w *writer) automaton(ctx context.Context, l *lang, one func([]arc) element) (int, error) {
	if l.empty() {
		return w.add(), nil
	}
	first := len(w.rules)
	for range l.states {
		w.reserve()
	}
	for i, s := range l.states {
		if w.full() {
			return 0, errLarge
		}
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		targets := map[int][]arc{}
		var order []int
		for _, a := range s.arcs {
			if targets[a.to] == nil {
				order = append(order, a.to)
			}
			targets[a.to] = append(targets[a.to], a)
		}
		var alternatives [][]element
		for _, to := range order {
			alternatives = append(alternatives, seq(one(targets[to]), ref(first+to)))
		}
		if s.accept {
			alternatives = append(alternatives, seq())
		}
		w.set(first+i, alternatives...)
	}
	return first, nil
}

// finish removes what cannot come to an end or is not reached, and writes the grammar. It
// returns "" where no text matches.
func (w *writer) finish(ctx context.Context) (string, error) {
	if !w.prune() {
		return "", nil
	}
	names := make([]int, len(w.rules)) // 0: not reached
	order := []int{0}
	names[0] = 1
	var b strings.Builder
	name := func(n int) string {
		if n == 0 {
			return "root"
		}
		return "r" + strconv.Itoa(names[n]-1)
	}
	for i := 0; i < len(order); i++ {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		b.WriteString(name(order[i]))
		b.WriteString(" ::=")
		for j, a := range w.rules[order[i]] {
			if j > 0 {
				b.WriteString(" |")
			}
			if len(a) == 0 {
				b.WriteString(` ""`) // after | alone, the next line would be taken for its sequence
			}
			for _, e := range a {
				b.WriteByte(' ')
				switch {
				case e.text != "":
					b.WriteByte('"')
					for _, r := range e.text {
						writeRune(&b, r)
					}
					b.WriteByte('"')
				case e.class != nil:
					b.WriteByte('[')
					for _, r := range e.class {
						writeRune(&b, r.lo)
						if r.hi > r.lo {
							b.WriteByte('-')
							writeRune(&b, r.hi)
						}
					}
					b.WriteByte(']')
				default:
					if names[e.ref] == 0 {
						order = append(order, e.ref)
						names[e.ref] = len(order)
					}
					b.WriteString(name(e.ref))
				}
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// prune removes the alternatives that cannot come to an end. It reports whether the root
// has any left.
func (w *writer) prune() bool {
	users := make([][]int, len(w.rules))
	for n, r := range w.rules {
		for _, a := range r {
			for _, e := range a {
				if e.isRef() {
					users[e.ref] = append(users[e.ref], n)
				}
			}
		}
	}
	ends := make([]bool, len(w.rules))
	endless := func(a []element) bool {
		return slices.ContainsFunc(a, func(e element) bool { return e.isRef() && !ends[e.ref] })
	}
	todo := make([]int, len(w.rules))
	for n := range todo {
		todo[n] = n
	}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !ends[n] && slices.ContainsFunc(w.rules[n], func(a []element) bool { return !endless(a) }) {
			ends[n] = true
			todo = append(todo, users[n]...)
		}
	}
	for n := range w.rules {
		w.rules[n] = slices.DeleteFunc(w.rules[n], endless)
	}
	return ends[0]
}

func writeRune(b *strings.Builder, r rune) {
	switch {
	case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == ':' || r == ',' || r == '{' || r == '}' || r == '_'):
		b.WriteRune(r)
	case r < 0x100:
		fmt.Fprintf(b, `\x%02x`, r)
	case r < 0x10000:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}
