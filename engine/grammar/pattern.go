package grammar

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// White space and line ends as ECMA-262 has them.
const (
	spaces    = `\t\n\x0b\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	nonSpaces = `\x{0}-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
	lineEnds  = `\n\r\x{2028}\x{2029}`
)

// maxPattern is how long a pattern may be, in bytes.
const maxPattern = 16 << 10

// translate writes a pattern of ECMA-262, which JSON schemas use, in Go's syntax.
func translate(pattern string) (string, error) {
	if len(pattern) > maxPattern {
		return "", fmt.Errorf("it has %d bytes: the limit is %d", len(pattern), maxPattern)
	}
	if !utf8.ValidString(pattern) {
		return "", errors.New("it is not UTF-8")
	}
	var b strings.Builder
	class := false
	for i := 0; i < len(pattern); {
		rest := pattern[i:]
		switch c := rest[0]; {
		case c == '\\':
			out, n, err := translateEscape(rest, class)
			if err != nil {
				return "", err
			}
			b.WriteString(out)
			i += n
			continue
		case class && c == ']':
			class = false
			b.WriteByte(c)
		case class && c == '[':
			b.WriteString(`\[`)
		case class && c == '&':
			b.WriteString(`\&`)
		case class:
			b.WriteByte(c)
		case c == '[':
			if strings.HasPrefix(rest, "[]") {
				return "", errors.New("the class [] matches nothing")
			}
			if strings.HasPrefix(rest, "[^]") {
				b.WriteString(`(?s:.)`)
				i += 3
				continue
			}
			class = true
			b.WriteByte(c)
			if strings.HasPrefix(rest, "[^") {
				b.WriteByte('^')
				i++
			}
		case c == '.':
			b.WriteString(`[^` + lineEnds + `]`)
		case strings.HasPrefix(rest, "(?"):
			kind := rest[:min(len(rest), 3)]
			if len(rest) > 3 && kind == "(?<" {
				kind = rest[:4]
			}
			switch {
			case kind == "(?=" || kind == "(?!":
				return "", fmt.Errorf("lookahead %s is not supported", kind)
			case kind == "(?<=" || kind == "(?<!":
				return "", fmt.Errorf("lookbehind %s is not supported", kind)
			case kind == "(?:":
				b.WriteString(kind)
				i += 3
				continue
			case strings.HasPrefix(kind, "(?<"):
				end := strings.IndexByte(rest, '>')
				if end < 4 {
					return "", errors.New("a group has no name")
				}
				b.WriteByte('(')
				i += end + 1
				continue
			default:
				return "", fmt.Errorf("group %s is not supported", kind)
			}
		default:
			b.WriteByte(c)
		}
		i++
	}
	return b.String(), nil
}

// translateEscape translates the escape that s begins with and returns its length.
func translateEscape(s string, class bool) (string, int, error) {
	if len(s) < 2 {
		return "", 0, errors.New("it ends with a backslash")
	}
	bracket := func(ranges string) string {
		if class {
			return ranges
		}
		return "[" + ranges + "]"
	}
	hex := func(from, n int) (string, int, error) {
		if len(s) < from+n {
			return "", 0, fmt.Errorf("invalid escape %s", s[:2])
		}
		v, err := strconv.ParseUint(s[from:from+n], 16, 32)
		if err != nil {
			return "", 0, fmt.Errorf("invalid escape %s", s[:from+n])
		}
		if !utf8.ValidRune(rune(v)) {
			return "", 0, fmt.Errorf("invalid escape %s: a surrogate is not a character", s[:from+n])
		}
		return fmt.Sprintf(`\x{%x}`, v), from + n, nil
	}
	switch c := s[1]; c {
	case 'd', 'D', 'w', 'W', 'n', 'r', 't', 'f', 'v':
		return s[:2], 2, nil
	case 's':
		return bracket(spaces), 2, nil
	case 'S':
		return bracket(nonSpaces), 2, nil
	case 'b':
		if class {
			return `\x08`, 2, nil
		}
		return s[:2], 2, nil
	case 'B':
		if !class {
			return s[:2], 2, nil
		}
	case '0':
		if len(s) < 3 || s[2] < '0' || s[2] > '9' {
			return `\x00`, 2, nil
		}
	case 'x':
		return hex(2, 2)
	case 'u':
		if strings.HasPrefix(s, `\u{`) {
			if end := strings.IndexByte(s, '}'); end > 3 && end < 12 {
				out, n, err := hex(3, end-3)
				return out, n + 1, err
			}
			break
		}
		if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
			hi, err1 := strconv.ParseUint(s[2:6], 16, 32)
			lo, err2 := strconv.ParseUint(s[8:12], 16, 32)
			if err1 == nil && err2 == nil && hi>>10 == 0xD800>>10 && lo>>10 == 0xDC00>>10 {
				return fmt.Sprintf(`\x{%x}`, 0x10000+(hi-0xD800)<<10+(lo-0xDC00)), 12, nil
			}
		}
		return hex(2, 4)
	case 'c':
		if len(s) > 2 && (s[2] >= 'a' && s[2] <= 'z' || s[2] >= 'A' && s[2] <= 'Z') {
			return fmt.Sprintf(`\x%02x`, s[2]&31), 3, nil
		}
	case 'p', 'P':
		if end := strings.IndexByte(s, '}'); strings.HasPrefix(s[2:], "{") && end > 0 {
			name := s[3:end]
			for _, property := range []string{"Script=", "sc=", "General_Category=", "gc="} {
				name = strings.TrimPrefix(name, property)
			}
			return s[:2] + "{" + cmp.Or(longNames[name], name) + "}", end + 1, nil
		}
	case 'k', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return "", 0, fmt.Errorf(`backreference \%c is not supported`, c)
	default:
		if c < utf8.RuneSelf && !unicode.IsLetter(rune(c)) && !unicode.IsDigit(rune(c)) && c > ' ' {
			if c == '_' || c == 0x7f {
				return fmt.Sprintf(`\x%02x`, c), 2, nil
			}
			return s[:2], 2, nil
		}
	}
	_, n := utf8.DecodeRuneInString(s[1:])
	return "", 0, fmt.Errorf("unknown escape %s", s[:1+n])
}

// longNames are categories that Go has by their short name only.
var longNames = map[string]string{
	"Letter": "L", "Lowercase_Letter": "Ll", "Uppercase_Letter": "Lu", "Mark": "M", "Number": "N", "digit": "Nd",
	"Decimal_Number": "Nd", "Punctuation": "P", "Symbol": "S", "Separator": "Z", "Other": "C", "Space_Separator": "Zs",
}

// parsePattern returns the texts in which a pattern of a JSON schema is found.
func parsePattern(ctx context.Context, pattern string) (*lang, error) {
	expr, err := translate(pattern)
	if err != nil {
		return nil, err
	}
	l, err := parseRegexp(ctx, expr)
	if bad, ok := errors.AsType[*syntax.Error](err); ok {
		err = fmt.Errorf("%s: %s", bad.Code, bad.Expr)
	}
	if err != nil {
		return nil, err
	}
	if l.empty() {
		return nil, errors.New("no text matches it")
	}
	return l, nil
}

// parseRegexp returns the texts in which an expression in Go's syntax is found.
func parseRegexp(ctx context.Context, expr string) (*lang, error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	if len(prog.Inst) > 20_000 {
		return nil, errStates
	}
	return determinize(ctx, prog)
}

// What a position follows.
const (
	atStart = iota
	afterWord
	afterOther
)

// determinize makes an automaton of a program. A state is the instructions that wait
// for the next rune and what stood before it, which \b and ^ ask for.
func determinize(ctx context.Context, prog *syntax.Prog) (*lang, error) {
	d := determinizer{prog: prog, mark: make([]int, len(prog.Inst))}
	d.split()
	ids := map[string]int{}
	type pending struct {
		insts []uint32
		prev  int
	}
	var todo []pending
	id := func(insts []uint32, prev int) int {
		key := binary.AppendUvarint(nil, uint64(prev))
		for _, i := range insts {
			key = binary.AppendUvarint(key, uint64(i))
		}
		n, ok := ids[string(key)]
		if !ok {
			n = len(todo)
			ids[string(key)] = n
			todo = append(todo, pending{insts, prev})
		}
		return n
	}
	id(nil, atStart)
	l := &lang{}
	const matched = -1
	work := 0
	for i := 0; i < len(todo); i++ {
		if work += 1 + len(todo[i].insts)*len(d.classes); len(todo) > 4_000 || work > 10_000_000 {
			return nil, errStates
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		p := todo[i]
		_, accept := d.closure(p.insts, p.prev, -1)
		s := state{accept: accept}
		var closed [2][]uint32
		var done [2]bool
		for w, sample := range []rune{'-', 'a'} {
			closed[w], done[w] = d.closure(p.insts, p.prev, sample)
		}
		targets := make([]int, len(d.classes))
		for n, c := range d.classes {
			w, prev := 0, afterOther
			if d.boundaries && syntax.IsWordChar(c) {
				w, prev = 1, afterWord
			}
			if done[w] {
				targets[n] = matched
				continue
			}
			var next []uint32
			for _, pc := range closed[w] {
				if inst := &prog.Inst[pc]; inst.MatchRune(c) {
					next = append(next, inst.Out)
				}
			}
			slices.Sort(next)
			targets[n] = id(slices.Compact(next), prev)
		}
		for _, r := range d.ranges {
			to := targets[r.class]
			if n := len(s.arcs); n > 0 && s.arcs[n-1].to == to {
				s.arcs[n-1].hi = r.hi
			} else {
				s.arcs = append(s.arcs, arc{r.lo, r.hi, to})
			}
		}
		l.states = append(l.states, s)
	}
	all := len(l.states)
	for i := range l.states {
		for j := range l.states[i].arcs {
			if a := &l.states[i].arcs[j]; a.to == matched {
				a.to = all
			}
		}
	}
	l.states = append(l.states, state{true, []arc{{0, unicode.MaxRune, all}}})
	return l.trim(), nil
}

type determinizer struct {
	prog       *syntax.Prog
	boundaries bool   // there is a \b or \B
	classes    []rune // a rune of each class
	ranges     []struct {
		lo, hi rune
		class  int
	}
	mark  []int // the round of closure that saw an instruction
	round int
}

// split makes classes of the runes that every instruction treats alike.
func (d *determinizer) split() {
	cuts := []rune{0, unicode.MaxRune + 1}
	add := func(lo, hi rune) { cuts = append(cuts, lo, hi+1) }
	var takers []*syntax.Inst
	for i := range d.prog.Inst {
		inst := &d.prog.Inst[i]
		switch inst.Op {
		case syntax.InstEmptyWidth:
			d.boundaries = d.boundaries || syntax.EmptyOp(inst.Arg)&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0
		case syntax.InstRune, syntax.InstRune1:
			takers = append(takers, inst)
			if len(inst.Rune) == 1 {
				r := inst.Rune[0]
				add(r, r)
				if syntax.Flags(inst.Arg)&syntax.FoldCase != 0 {
					for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
						add(f, f)
					}
				}
				continue
			}
			for j := 0; j+1 < len(inst.Rune); j += 2 {
				add(inst.Rune[j], inst.Rune[j+1])
			}
		case syntax.InstRuneAnyNotNL:
			takers = append(takers, inst)
			add('\n', '\n')
		}
	}
	if d.boundaries {
		add('0', '9')
		add('A', 'Z')
		add('_', '_')
		add('a', 'z')
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	// Instructions of a repetition are often equal: each different one counts once.
	seen := map[string]bool{}
	takers = slices.DeleteFunc(takers, func(inst *syntax.Inst) bool {
		key := fmt.Sprint(inst.Op, inst.Arg, inst.Rune)
		had := seen[key]
		seen[key] = true
		return had
	})
	classes := map[string]int{}
	for i := range len(cuts) - 1 {
		lo, hi := cuts[i], cuts[i+1]-1
		signature := make([]byte, len(takers)+1)
		for j, inst := range takers {
			if inst.MatchRune(lo) {
				signature[j] = 1
			}
		}
		if d.boundaries && syntax.IsWordChar(lo) {
			signature[len(takers)] = 1
		}
		class, ok := classes[string(signature)]
		if !ok {
			class = len(d.classes)
			classes[string(signature)] = class
			d.classes = append(d.classes, lo)
		}
		d.ranges = append(d.ranges, struct {
			lo, hi rune
			class  int
		}{lo, hi, class})
	}
}

// closure follows what takes no rune, from insts and from the start of the program, since a
// pattern may be found anywhere. next is the rune to come, -1 at the end.
func (d *determinizer) closure(insts []uint32, prev int, next rune) (takers []uint32, matched bool) {
	before := rune(-1)
	switch prev {
	case afterWord:
		before = 'a'
	case afterOther:
		before = '-'
	}
	flags := syntax.EmptyOpContext(before, next) &^ (syntax.EmptyBeginLine | syntax.EmptyEndLine)
	d.round++
	todo := append([]uint32{uint32(d.prog.Start)}, insts...)
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if d.mark[pc] == d.round {
			continue
		}
		d.mark[pc] = d.round
		switch inst := &d.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^flags == 0 {
				todo = append(todo, inst.Out)
			}
		case syntax.InstMatch:
			return nil, true
		case syntax.InstFail:
		default:
			takers = append(takers, pc)
		}
	}
	return takers, false
}
