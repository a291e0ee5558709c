package grammar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
)

const (
	maxNesting    = 100    // of groups
	maxRepetition = 2000   // llama.cpp's own limit
	maxChain      = 1000   // rules that begin with each other
	maxBeginnings = 20_000 // ways in which a rule may begin
)

// CheckGBNF reports what llama.cpp cannot run in a grammar: errors of syntax, left
// recursion, and what would fill its stack or its memory.
func CheckGBNF(ctx context.Context, grammar string) error {
	rules, err := parseGBNF(ctx, grammar)
	if err == nil {
		err = checkBeginnings(rules)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Param: "grammar", Msg: "invalid grammar: " + err.Error(), Cause: err}
	}
	return nil
}

// A gbnf parses a grammar. Rule 0 is the root.
type gbnf struct {
	ctx context.Context
	in  string
	at  int
	w   writer
	ids map[string]int
	set map[string]bool
}

func parseGBNF(ctx context.Context, grammar string) ([]rule, error) {
	p := &gbnf{ctx: ctx, in: grammar, ids: map[string]int{}, set: map[string]bool{}}
	p.id("root")
	p.skip(true)
	for p.at < len(p.in) {
		name := p.name()
		if name == "" {
			return nil, p.errorf("want a rule name")
		}
		p.skip(false)
		if !p.take("::=") {
			return nil, p.errorf("want ::= after %s", name)
		}
		p.skip(true)
		alternatives, err := p.alternatives(0)
		if err != nil {
			return nil, err
		}
		if p.at < len(p.in) && p.in[p.at] != '\n' && p.in[p.at] != '\r' {
			return nil, p.errorf("want the end of the line")
		}
		p.set[name] = true
		p.w.set(p.id(name), alternatives...)
		p.skip(true)
	}
	for name := range p.ids {
		if !p.set[name] {
			return nil, fmt.Errorf("rule %s is not defined", name)
		}
	}
	return p.w.rules, nil
}

func (p *gbnf) errorf(format string, args ...any) error {
	line := 1 + strings.Count(p.in[:min(p.at, len(p.in))], "\n")
	return fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
}

func (p *gbnf) id(name string) int {
	n, ok := p.ids[name]
	if !ok {
		n = p.w.reserve()
		p.ids[name] = n
	}
	return n
}

// skip passes over blanks and comments.
func (p *gbnf) skip(lines bool) {
	for p.at < len(p.in) {
		switch c := p.in[p.at]; {
		case c == '#':
			for p.at < len(p.in) && p.in[p.at] != '\n' && p.in[p.at] != '\r' {
				p.at++
			}
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			p.at++
		default:
			return
		}
	}
}

func (p *gbnf) take(s string) bool {
	if strings.HasPrefix(p.in[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

func (p *gbnf) name() string { return p.run(func(c byte) bool { return isWord(c) }) }

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}

func (p *gbnf) run(has func(byte) bool) string {
	from := p.at
	for p.at < len(p.in) && has(p.in[p.at]) {
		p.at++
	}
	return p.in[from:p.at]
}

func (p *gbnf) number() (int, error) {
	s := p.run(func(c byte) bool { return c >= '0' && c <= '9' })
	n, err := strconv.Atoi(s)
	if err != nil || n > maxRepetition {
		return 0, p.errorf("invalid repetition %q: want 0 to %d", s, maxRepetition)
	}
	return n, nil
}

func (p *gbnf) alternatives(depth int) ([][]element, error) {
	if depth > maxNesting {
		return nil, p.errorf("groups are nested deeper than %d levels", maxNesting)
	}
	var out [][]element
	for {
		if p.ctx.Err() != nil {
			return nil, context.Cause(p.ctx)
		}
		s, err := p.sequence(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		if !p.take("|") {
			return out, nil
		}
		p.skip(true)
	}
}

func (p *gbnf) sequence(depth int) ([]element, error) {
	var out []element
	last := 0 // where the last item begins
	for p.at < len(p.in) {
		if p.w.full() || len(out) > maxElements {
			return nil, errors.New("it is too large")
		}
		switch c := p.in[p.at]; {
		case c == '"':
			p.at++
			last = len(out)
			for !p.take(`"`) {
				r, err := p.rune()
				if err != nil {
					return nil, err
				}
				out = append(out, element{class: []arc{{lo: r, hi: r}}})
			}
		case c == '[':
			p.at++
			e, err := p.class()
			if err != nil {
				return nil, err
			}
			last = len(out)
			out = append(out, e)
		case c == '.':
			p.at++
			last = len(out)
			out = append(out, element{class: []arc{{lo: 0, hi: unicode.MaxRune}}})
		case c == '<' || c == '!':
			// A token stands for any text here.
			end := strings.IndexByte(p.in[p.at:], '>')
			if end < 0 {
				return nil, p.errorf("want > after <")
			}
			p.at += end + 1
			last = len(out)
			out = append(out, element{class: []arc{{lo: 0, hi: unicode.MaxRune}}})
		case c == '(':
			p.at++
			p.skip(true)
			alternatives, err := p.alternatives(depth + 1)
			if err != nil {
				return nil, err
			}
			if !p.take(")") {
				return nil, p.errorf("want )")
			}
			last = len(out)
			out = append(out, ref(p.w.add(alternatives...)))
		case isWord(c):
			last = len(out)
			out = append(out, ref(p.id(p.name())))
		case c == '*' || c == '+' || c == '?' || c == '{':
			if last == len(out) {
				return nil, p.errorf("nothing to repeat before %c", c)
			}
			low, high, err := p.repetition()
			if err != nil {
				return nil, err
			}
			item := slices.Clone(out[last:])
			if low*len(item) > maxElements {
				return nil, errors.New("it is too large")
			}
			out = append(out[:last], slices.Repeat(item, low)...)
			if high < 0 {
				n := p.w.reserve()
				p.w.set(n, append(item, ref(n)), seq())
				out = append(out, ref(n))
			} else if high > low {
				n := p.w.add(item, seq())
				for range high - low - 1 {
					n = p.w.add(append(slices.Clone(item), ref(n)), seq())
				}
				out = append(out, ref(n))
			}
		default:
			return out, nil
		}
		p.skip(depth > 0)
	}
	return out, nil
}

// repetition reads *, +, ? or {m,n}; high is -1 for no bound.
func (p *gbnf) repetition() (low, high int, err error) {
	switch {
	case p.take("*"):
		return 0, -1, nil
	case p.take("+"):
		return 1, -1, nil
	case p.take("?"):
		return 0, 1, nil
	}
	p.at++
	p.skip(true)
	if low, err = p.number(); err != nil {
		return 0, 0, err
	}
	high = low
	p.skip(true)
	if p.take(",") {
		high = -1
		p.skip(true)
		if p.at < len(p.in) && p.in[p.at] != '}' {
			if high, err = p.number(); err != nil {
				return 0, 0, err
			}
			p.skip(true)
		}
	}
	if !p.take("}") {
		return 0, 0, p.errorf("want }")
	}
	if high >= 0 && high < low {
		return 0, 0, p.errorf("invalid repetition {%d,%d}", low, high)
	}
	return low, high, nil
}

func (p *gbnf) class() (element, error) {
	not := p.take("^")
	ranges := []arc{}
	for !p.take("]") {
		lo, err := p.rune()
		if err != nil {
			return element{}, err
		}
		hi := lo
		if strings.HasPrefix(p.in[p.at:], "-") && !strings.HasPrefix(p.in[p.at:], "-]") {
			p.at++
			if hi, err = p.rune(); err != nil {
				return element{}, err
			}
		}
		if lo > hi {
			return element{}, p.errorf("invalid range: it ends before it begins")
		}
		ranges = append(ranges, arc{lo: lo, hi: hi})
	}
	if len(ranges) == 0 {
		return element{}, p.errorf("a class is empty")
	}
	if not {
		slices.SortFunc(ranges, func(a, b arc) int { return int(a.lo - b.lo) })
		out := []arc{}
		at := rune(0)
		for _, r := range ranges {
			if r.lo > at {
				out = append(out, arc{lo: at, hi: r.lo - 1})
			}
			at = max(at, r.hi+1)
		}
		if at <= unicode.MaxRune {
			out = append(out, arc{lo: at, hi: unicode.MaxRune})
		}
		ranges = out
	}
	return element{class: ranges}, nil
}

func (p *gbnf) rune() (rune, error) {
	if p.at >= len(p.in) {
		return 0, p.errorf("unexpected end")
	}
	r, n := utf8.DecodeRuneInString(p.in[p.at:])
	if r == utf8.RuneError && n < 2 {
		return 0, p.errorf("it is not UTF-8")
	}
	p.at += n
	if r != '\\' {
		if r == 0 {
			return 0, p.errorf("unexpected end")
		}
		return r, nil
	}
	if p.at >= len(p.in) {
		return 0, p.errorf("unexpected end")
	}
	c := p.in[p.at]
	p.at++
	if i := strings.IndexByte(`trn\"[]`, c); i >= 0 {
		return rune("\t\r\n\\\"[]"[i]), nil
	}
	size := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if size == 0 || len(p.in) < p.at+size {
		return 0, p.errorf(`unknown escape \%c`, c)
	}
	v, err := strconv.ParseUint(p.in[p.at:p.at+size], 16, 32)
	if err != nil || v > unicode.MaxRune {
		return 0, p.errorf(`invalid escape \%c%s`, c, p.in[p.at:p.at+size])
	}
	p.at += size
	return rune(v), nil
}

// isRef reports whether an element refers to a rule.
func (e element) isRef() bool { return e.text == "" && e.class == nil }

// checkBeginnings reports left recursion, which llama.cpp follows without end where it does
// not see it, and rules that may begin in more ways than it can keep.
func checkBeginnings(rules []rule) error {
	empty := emptyRules(rules)
	const open = -1
	ways := make([]int, len(rules)) // 0: not visited
	depth := make([]int, len(rules))
	var visit func(n, level int) error
	visit = func(n, level int) error {
		if level > maxChain {
			return fmt.Errorf("more than %d rules begin with each other", maxChain)
		}
		ways[n] = open
		total := 1
		for _, a := range rules[n] {
			for _, e := range a {
				if !e.isRef() {
					total++
					break
				}
				switch ways[e.ref] {
				case open:
					return errors.New("a rule begins with itself (left recursion)")
				case 0:
					if err := visit(e.ref, level+1); err != nil {
						return err
					}
				}
				depth[n] = max(depth[n], depth[e.ref]+1)
				if total += ways[e.ref]; total > maxBeginnings || depth[n] > maxChain {
					return fmt.Errorf("a rule may begin in more than %d ways", maxBeginnings)
				}
				if !empty[e.ref] {
					break
				}
			}
		}
		ways[n] = total
		return nil
	}
	for n := range rules {
		if ways[n] == 0 {
			if err := visit(n, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// emptyRules reports which rules match the empty text.
func emptyRules(rules []rule) []bool {
	users := make([][]int, len(rules))
	for n, r := range rules {
		for _, a := range r {
			for _, e := range a {
				if e.isRef() {
					users[e.ref] = append(users[e.ref], n)
				}
			}
		}
	}
	empty := make([]bool, len(rules))
	todo := make([]int, len(rules))
	for n := range todo {
		todo[n] = n
	}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !empty[n] && slices.ContainsFunc(rules[n], func(a []element) bool {
			return !slices.ContainsFunc(a, func(e element) bool { return !e.isRef() || !empty[e.ref] })
		}) {
			empty[n] = true
			todo = append(todo, users[n]...)
		}
	}
	return empty
}
