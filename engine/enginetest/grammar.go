package enginetest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A grammar is one in llama.cpp's GBNF (grammars/README.md there), which can be
// asked for one of its sentences.
type grammar struct {
	rules map[string]*node
}

// A node is a part of a rule: a literal, a class of runes, a rule's name, a
// sequence, alternatives or a repetition.
type node struct {
	kind     nodeKind
	text     string  // of a literal or a reference
	ranges   []rune  // of a class: pairs of first and last
	negated  bool    // of a class
	parts    []*node // of a sequence, of alternatives; the one part of a repetition
	min, max int     // of a repetition; max is -1 without a bound
	depth    int     // rules that the shortest way to an end goes through
}

type nodeKind int

const (
	literal nodeKind = iota
	class
	reference
	sequence
	alternatives
	repetition
)

const (
	maxGrammar  = 64 << 10 // bytes of a grammar's text
	maxNesting  = 64       // parentheses in one another
	maxRanges   = 512      // ends of ranges in a class
	maxRepeats  = 1000     // what {m,n} may ask for
	maxSentence = 64 << 10 // bytes, after which a sentence breaks off
	deep        = 24       // rules in one another, from which on a sentence takes the shortest way
	endless     = math.MaxInt32
)

func parseGrammar(source string) (*grammar, error) {
	if len(source) > maxGrammar {
		return nil, fmt.Errorf("%d bytes are more than %d", len(source), maxGrammar)
	}
	if !utf8.ValidString(source) {
		return nil, errors.New("the grammar is not UTF-8")
	}
	p := grammarParser{rest: source}
	g := &grammar{rules: map[string]*node{}}
	for p.space(true); p.rest != ""; p.space(true) {
		name := p.name()
		p.space(false)
		if name == "" || !p.skip("::=") {
			return nil, p.wrong("a rule's name and ::=")
		}
		p.space(true)
		n, err := p.alternatives(0)
		if err != nil {
			return nil, err
		}
		g.rules[name] = n
	}
	if g.rules["root"] == nil {
		return nil, errors.New("there is no rule named root")
	}
	return g, g.measure()
}

type grammarParser struct{ rest string }

func (p *grammarParser) wrong(wanted string) error {
	near := []rune(p.rest)
	return fmt.Errorf("expected %s at %q", wanted, string(near[:min(len(near), 20)]))
}

// space skips blanks and comments, and line ends too when lines is set.
func (p *grammarParser) space(lines bool) {
	for p.rest != "" {
		switch c := p.rest[0]; {
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			p.rest = p.rest[1:]
		case c == '#':
			i := strings.IndexByte(p.rest, '\n')
			if i < 0 {
				i = len(p.rest)
			}
			p.rest = p.rest[i:]
		default:
			return
		}
	}
}

func (p *grammarParser) skip(prefix string) (ok bool) {
	p.rest, ok = strings.CutPrefix(p.rest, prefix)
	return ok
}

func (p *grammarParser) name() string {
	i := 0
	for i < len(p.rest) {
		c := p.rest[i]
		if c != '-' && c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			break
		}
		i++
	}
	name := p.rest[:i]
	p.rest = p.rest[i:]
	return name
}

func (p *grammarParser) alternatives(nesting int) (*node, error) {
	if nesting > maxNesting {
		return nil, errors.New("the parentheses nest too deep")
	}
	n := &node{kind: alternatives}
	for {
		part, err := p.sequence(nesting)
		if err != nil {
			return nil, err
		}
		n.parts = append(n.parts, part)
		// A line may begin with the bar.
		before := p.rest
		p.space(true)
		if !p.skip("|") {
			p.rest = before
			return n, nil
		}
		p.space(true)
	}
}

func (p *grammarParser) sequence(nesting int) (*node, error) {
	n := &node{kind: sequence}
	for {
		p.space(nesting > 0)
		part, err := p.item(nesting)
		if err != nil {
			return nil, err
		}
		if part == nil {
			return n, nil
		}
		n.parts = append(n.parts, part)
	}
}

// item reads one part of a sequence and its repetitions, nil at the end.
func (p *grammarParser) item(nesting int) (*node, error) {
	var n *node
	switch {
	case p.rest == "":
		return nil, nil
	case p.skip(`"`):
		n = &node{kind: literal}
		for !p.skip(`"`) {
			r, err := p.char()
			if err != nil {
				return nil, err
			}
			n.text += string(r)
		}
	case p.skip("["):
		n = &node{kind: class, negated: p.skip("^")}
		for !p.skip("]") {
			first, err := p.char()
			if err != nil {
				return nil, err
			}
			last := first
			if strings.HasPrefix(p.rest, "-") && !strings.HasPrefix(p.rest, "-]") {
				p.skip("-")
				if last, err = p.char(); err != nil {
					return nil, err
				}
			}
			n.ranges = append(n.ranges, first, last)
		}
		if len(n.ranges) > maxRanges || len(n.ranges) == 0 && !n.negated || n.negated && n.after(' ') > utf8.MaxRune {
			return nil, p.wrong("a class that allows something before")
		}
	case p.skip("."):
		n = &node{kind: class, negated: true}
	case p.skip("("):
		var err error
		if n, err = p.alternatives(nesting + 1); err != nil {
			return nil, err
		}
		p.space(true)
		if !p.skip(")") {
			return nil, p.wrong("a closing parenthesis")
		}
	default:
		name := p.name()
		if name == "" {
			return nil, nil
		}
		n = &node{kind: reference, text: name}
	}
	return p.repeated(n)
}

func (p *grammarParser) repeated(n *node) (*node, error) {
	for range maxNesting {
		p.space(false)
		r := &node{kind: repetition, parts: []*node{n}, max: -1}
		switch {
		case p.skip("*"):
		case p.skip("+"):
			r.min = 1
		case p.skip("?"):
			r.max = 1
		case p.skip("{"):
			var err error
			if r.min, r.max, err = p.times(); err != nil {
				return nil, err
			}
		default:
			return n, nil
		}
		n = r
	}
	return nil, errors.New("too many repetitions of repetitions")
}

// times reads m}, m,} or m,n}.
func (p *grammarParser) times() (low, high int, err error) {
	inside, rest, ok := strings.Cut(p.rest, "}")
	if !ok {
		return 0, 0, p.wrong("a closing brace")
	}
	from, to, bounded := strings.Cut(inside, ",")
	if low, err = strconv.Atoi(strings.TrimSpace(from)); err != nil {
		return 0, 0, p.wrong("a number of repetitions")
	}
	high = low
	if bounded {
		if high = -1; strings.TrimSpace(to) != "" {
			if high, err = strconv.Atoi(strings.TrimSpace(to)); err != nil || high < 0 {
				return 0, 0, p.wrong("a number of repetitions")
			}
		}
	}
	if low < 0 || low > maxRepeats || high > maxRepeats || high >= 0 && high < low {
		return 0, 0, p.wrong(fmt.Sprintf("repetitions between 0 and %d", maxRepeats))
	}
	p.rest = rest
	return low, high, nil
}

// char reads one rune of a literal or a class.
func (p *grammarParser) char() (rune, error) {
	r, size := utf8.DecodeRuneInString(p.rest)
	if size == 0 || r == '\n' {
		return 0, p.wrong("the end of a literal")
	}
	p.rest = p.rest[size:]
	if r != '\\' {
		return r, nil
	}
	c, size := utf8.DecodeRuneInString(p.rest)
	p.rest = p.rest[size:]
	digits := 0
	switch c {
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case '\\', '"', '[', ']', '-', '^':
		return c, nil
	}
	if digits > 0 && len(p.rest) >= digits {
		if v, err := strconv.ParseUint(p.rest[:digits], 16, 32); err == nil && utf8.ValidRune(rune(v)) {
			p.rest = p.rest[digits:]
			return rune(v), nil
		}
	}
	return 0, p.wrong("an escape")
}

// measure finds how deep the shortest way through each node is, and that there is
// one for each.
func (g *grammar) measure() error {
	var all []*node
	var collect func(*node)
	collect = func(n *node) {
		n.depth = endless
		all = append(all, n)
		for _, p := range n.parts {
			collect(p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(g.rules)) {
		collect(g.rules[name])
	}
	for _, n := range all {
		if n.kind == reference && g.rules[n.text] == nil {
			return fmt.Errorf("there is no rule named %s", n.text)
		}
	}
	for changed := true; changed; {
		changed = false
		for _, n := range all {
			if d := g.shortest(n); d < n.depth {
				n.depth, changed = d, true
			}
		}
	}
	if g.rules["root"].depth == endless {
		return errors.New("root has no end")
	}
	return nil
}

func (g *grammar) shortest(n *node) int {
	switch n.kind {
	case reference:
		if d := g.rules[n.text].depth; d < endless {
			return d + 1
		}
		return endless
	case sequence:
		d := 0
		for _, p := range n.parts {
			d = max(d, p.depth)
		}
		return d
	case alternatives:
		d := endless
		for _, p := range n.parts {
			d = min(d, p.depth)
		}
		return d
	case repetition:
		if n.min == 0 {
			return 0
		}
		return n.parts[0].depth
	}
	return 0
}

// sentence is a text that the grammar allows. It is cut off when it gets too
// long, as any answer is.
func (g *grammar) sentence(rng *rand.Rand) string {
	w := grammarWriter{grammar: g, rng: rng}
	w.write(g.rules["root"], 0)
	return w.out.String()
}

type grammarWriter struct {
	*grammar
	rng   *rand.Rand
	out   strings.Builder
	nodes int
}

func (w *grammarWriter) write(n *node, depth int) {
	const maxNodes = 10_000 // so that the repetition of nothing has an end too
	if w.nodes++; w.nodes > maxNodes || w.out.Len() > maxSentence {
		return
	}
	switch n.kind {
	case literal:
		w.out.WriteString(n.text)
	case class:
		w.out.WriteRune(n.rune(w.rng))
	case reference:
		w.write(w.rules[n.text], depth+1)
	case sequence:
		for _, p := range n.parts {
			w.write(p, depth)
		}
	case alternatives:
		ways := slices.DeleteFunc(slices.Clone(n.parts), func(p *node) bool {
			return p.depth == endless || depth > deep && p.depth > n.depth
		})
		if len(ways) > 0 {
			w.write(ways[w.rng.IntN(len(ways))], depth)
		}
	case repetition:
		times := n.min
		if depth <= deep && n.parts[0].depth < endless {
			times += w.rng.IntN(4)
		}
		if n.max >= 0 {
			times = min(times, n.max)
		}
		for range times {
			w.write(n.parts[0], depth)
		}
	}
}

// rune is one that the class allows: of a negated one a letter, digit or blank
// where it can be.
func (n *node) rune(rng *rand.Rand) rune {
	if !n.negated {
		i := 2 * rng.IntN(len(n.ranges)/2)
		first, last := n.ranges[i], max(n.ranges[i], n.ranges[i+1])
		if r := first + rng.Int32N(last-first+1); utf8.ValidRune(r) {
			return r
		}
		return first
	}
	const usual = "abcdefghijklmnopqrstuvwxyz0123456789 "
	for range 8 {
		if r := rune(usual[rng.IntN(len(usual))]); n.after(r) == r {
			return r
		}
	}
	return n.after(' ')
}

// after is the first rune from r on that a negated class does not exclude; it is
// beyond MaxRune when there is none.
func (n *node) after(r rune) rune {
	for moved := true; moved; {
		moved = false
		for i := 0; i < len(n.ranges); i += 2 {
			if r >= n.ranges[i] && r <= n.ranges[i+1] {
				r, moved = n.ranges[i+1]+1, true
			}
		}
		if r >= 0xd800 && r <= 0xdfff { // surrogates are no runes
			r, moved = 0xe000, true
		}
	}
	return r
}
