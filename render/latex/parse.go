package latex

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/bise-sh/bise/tex"
)

// parse parses a formula. The caller removes the delimiters around it ($$ and \[).
func parse(source string) (node, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	body, err := p.lines(func(token) bool { return false })
	if err != nil {
		return nil, err
	}
	if len(p.tokens) > p.at {
		return nil, ErrSource // an extra }, \right or \end
	}
	return body, nil
}

type parser struct {
	tokens []token
	at     int
	depth  int
}

// peek returns the next token, "" at the end.
func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *parser) next() token {
	t := p.peek()
	p.at++
	return t
}

func (p *parser) skipSpace() {
	for p.peek() == " " {
		p.at++
	}
}

// take skips the next token if it is t.
func (p *parser) take(t token) bool {
	p.skipSpace()
	if p.peek() == t {
		p.at++
		return true
	}
	return false
}

// deeper bounds the nesting of groups.
func (p *parser) deeper() error {
	if p.depth++; p.depth > maxDepth {
		return ErrSource
	}
	return nil
}

// lines parses rows until end or the end of the source. A single row without & is
// returned as it is. Several are an aligned system, with or without an environment,
// because models often omit it.
func (p *parser) lines(end func(token) bool) (node, error) {
	g, err := p.cells(end)
	if err != nil {
		return nil, err
	}
	if len(g.rows) == 0 {
		return row{}, nil
	}
	if len(g.rows) == 1 && len(g.rows[0]) == 1 {
		return g.rows[0][0], nil
	}
	g.align, g.paired = "rl", true
	return g, nil
}

// cells parses rows of cells until end.
func (p *parser) cells(end func(token) bool) (grid, error) {
	var g grid
	var current []node
	for {
		cell, err := p.row(func(t token) bool { return t == "&" || t == `\\` || t == `\cr` || t == `\newline` || end(t) })
		if err != nil {
			return g, err
		}
		current = append(current, cell)
		switch t := p.peek(); {
		case t == "&":
			p.at++
		case t == `\\` || t == `\cr` || t == `\newline`:
			p.at++
			p.lineSpace()
			g.rows = append(g.rows, current)
			current = nil
			for p.take(`\hline`) || p.take(`\hdashline`) {
				g.rules = append(g.rules, len(g.rows))
			}
		default:
			if len(current) > 1 || len(current[0].(row)) > 0 {
				g.rows = append(g.rows, current)
			}
			return g, nil
		}
	}
}

// lineSpace skips the [4pt] or * that can follow \\.
func (p *parser) lineSpace() {
	if p.peek() == "*" {
		p.at++
	}
	if p.peek() != "[" {
		return
	}
	for i := p.at + 1; i < len(p.tokens) && i < p.at+12; i++ {
		if p.tokens[i] == "]" {
			p.at = i + 1
			return
		}
		if r, _ := utf8.DecodeRuneInString(string(p.tokens[i])); !(unicode.IsDigit(r) || 'a' <= r && r <= 'z' || r == '.' || r == '-' || r == ' ') {
			return
		}
	}
}

// row parses parts until end, a } or the end of the source, and skips none of these.
func (p *parser) row(end func(token) bool) (row, error) {
	list := row{}
	for {
		p.skipSpace()
		t := p.peek()
		switch {
		case t == "" || t == "}" || t == `\right` || t == `\end` || t == `\middle` || end(t):
			return pair(list), nil
		case infix[t] != nil: // TeX's own fractions: everything before over everything after
			p.at++
			if t == `\above` {
				if _, err := p.dimension(); err != nil {
					return nil, err
				}
			}
			below, err := p.row(end)
			if err != nil {
				return nil, err
			}
			return row{infix[t](fraction{above: pair(list), below: below, bar: true})}, nil
		case t == "^" || t == "_" || t == "'" || (t == `\limits` || t == `\nolimits`) && len(list) > 0:
			base := node(row{})
			if n := len(list); n > 0 {
				base, list = list[n-1], list[:n-1]
			}
			s, err := p.scripts(base)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		default:
			n, err := p.atom()
			if err != nil {
				return nil, err
			}
			if n != nil {
				list = append(list, n)
			}
		}
	}
}

// scripts parses the superscript and subscript of a base.
func (p *parser) scripts(base node) (node, error) {
	s := scripts{base: base, limits: takesLimits(base)}
	for {
		p.skipSpace()
		var err error
		switch t := p.peek(); {
		case t == "'":
			n := 0
			for ; p.peek() == "'"; n++ {
				p.at++
			}
			s.sup = row{symbol{text: strings.Repeat("‴", n/3) + []string{"", "′", "″"}[n%3]}}
		case t == "^" && raisedAlready(s.sup):
			return nil, ErrSource // x^a^b
		case t == "^":
			p.at++
			var sup node
			if sup, err = p.argument(); err == nil {
				if primes, ok := s.sup.(row); ok {
					sup = append(slices.Clone(primes), sup)
				}
				s.sup = sup
			}
		case t == "_" && s.sub == nil:
			p.at++
			s.sub, err = p.argument()
		case t == "_":
			return nil, ErrSource
		case t == `\limits`:
			p.at++
			s.limits = true
		case t == `\nolimits`:
			p.at++
			s.limits = false
		default:
			if b, ok := base.(brace); ok { // scripts of a brace are its label
				return stack{base: b, above: s.sup, below: s.sub, kind: inner}, nil
			}
			return s, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// raisedAlready reports whether a superscript is more than primes.
func raisedAlready(n node) bool {
	r, ok := n.(row)
	if !ok {
		return n != nil
	}
	if len(r) != 1 {
		return len(r) > 0
	}
	s, ok := r[0].(symbol)
	return !ok || strings.Trim(s.text, "′″‴") != ""
}

func takesLimits(n node) bool {
	switch n := n.(type) {
	case symbol:
		return n.limits
	case stack:
		return n.kind == operator
	case brace:
		return true
	}
	return false
}

// argument parses the argument of a command or script: a group or one atom.
func (p *parser) argument() (node, error) {
	p.skipSpace()
	switch t := p.peek(); t {
	case "", "}", "&", "^", "_", `\\`, `\right`, `\end`:
		return nil, ErrSource
	}
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if t := p.peek(); isDigit(t) {
		p.at++
		return symbol{text: string(t)}, nil // \frac12 is a half
	}
	n, err := p.atom()
	if err == nil && n == nil {
		n = row{}
	}
	return n, err
}

// group parses the rest of { … } after the opening brace.
func (p *parser) group() (node, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	body, err := p.lines(func(token) bool { return false })
	if err != nil {
		return nil, err
	}
	if p.next() != "}" {
		return nil, ErrSource
	}
	return body, nil
}

// infix are the commands that make a fraction of everything before and after them.
var infix = map[token]func(fraction) node{
	`\over`: func(f fraction) node { return f }, `\above`: func(f fraction) node { return f },
	`\atop`:   func(f fraction) node { return fraction{above: f.above, below: f.below} },
	`\choose`: func(f fraction) node { return f.in("(", ")") },
	`\brace`:  func(f fraction) node { return f.in("{", "}") },
	`\brack`:  func(f fraction) node { return f.in("[", "]") },
}

// in returns the fraction without its bar, between delimiters.
func (f fraction) in(left, right string) node {
	return fence{left: left, right: right, body: fraction{above: f.above, below: f.below}}
}

// word returns the text of a group: {matrix}, {a b}.
func (p *parser) word() (string, error) {
	n, err := p.text()
	if err != nil {
		return "", err
	}
	return flatten(n), nil
}

// text parses a group as text, in which only what is between dollars is mathematics.
func (p *parser) text() (node, error) {
	if !p.take("{") {
		return nil, ErrSource
	}
	var out row
	var s strings.Builder
	var mark string // the accent of the next letter
	for depth := 0; ; {
		text := ""
		switch t := p.next(); {
		case t == "":
			return nil, ErrSource
		case t == "{":
			depth++
		case t == "}" && depth > 0:
			depth--
		case t == "}" && len(out) == 0:
			return symbol{text: norm.NFC.String(s.String())}, nil
		case t == "}":
			return append(out, symbol{text: norm.NFC.String(s.String())}), nil
		case t == "$":
			body, err := p.row(func(t token) bool { return t == "$" })
			if err != nil || p.next() != "$" {
				return nil, ErrSource
			}
			out = append(out, symbol{text: norm.NFC.String(s.String())}, body)
			s.Reset()
		case textAccents[t] != "":
			mark = textAccents[t]
			p.skipSpace()
		case t == `\(` || t == `\)` || isText[t] || alphabets[string(t)] != nil || dropped[string(t)]:
			p.skipSpace()
		case t == `\ ` || t == "~":
			text = " "
		case !strings.HasPrefix(string(t), `\`):
			text = string(t)
		case len(t) == 2 && strings.Contains(`{}$%#&_`, string(t[1:])):
			text = string(t[1:])
		default:
			c, ok := textLetters[t]
			if sym, found := p.simple(string(t)); !ok && found {
				c, ok = sym.text, true
			}
			if n, found := spaces[string(t)]; !ok && found {
				c, ok = blank(n), true
			}
			if !ok {
				return nil, ErrSource
			}
			text = c
			if tex.IsLetter(t[1]) {
				p.skipSpace()
			}
		}
		s.WriteString(text)
		if text != "" && mark != "" {
			s.WriteString(mark)
			mark = ""
		}
	}
}

// dimension parses a length, such as 1em or {-3mu}, and returns it in cells.
func (p *parser) dimension() (int, error) {
	braced := p.take("{")
	var s strings.Builder
	for {
		t := p.peek()
		if isDigit(t) || t == "." || t == "-" || t == "+" {
			s.WriteString(string(p.next()))
		} else if t != " " {
			break
		} else {
			p.at++
		}
	}
	unit := string(p.next()) + string(p.next())
	n, err := strconv.ParseFloat(s.String(), 32)
	perCell, ok := units[unit]
	if err != nil || !ok || braced && !p.take("}") {
		return 0, ErrSource
	}
	return int(min(max(n/perCell+0.5, 0), 100)), nil
}

// units are the lengths in TeX: how many of each are as wide as a cell.
var units = map[string]float64{"em": 0.5, "ex": 1, "mu": 9, "pt": 5, "bp": 5, "dd": 5, "mm": 2, "cm": 0.2, "in": 0.08, "pc": 0.5, "cc": 0.5, "sp": 5 << 16}

// pair turns matching plain brackets in a row into fences, so that they grow with the
// text between them.
func pair(list row) row {
	var stack []int // of opening brackets in out
	out := row{}
	for _, n := range list {
		s, bare := n.(symbol)
		sc, scripted := n.(scripts)
		if scripted {
			s, bare = sc.base.(symbol)
		}
		if bare && s.kind == closing && len(stack) > 0 {
			i := stack[len(stack)-1]
			left := out[i].(symbol).text
			// Brackets of an interval, such as ( … ], match too.
			if right, ok := partner[left]; ok && (right == s.text || right != "}" && (s.text == ")" || s.text == "]")) {
				stack = stack[:len(stack)-1]
				f := fence{left: left, right: s.text, body: slices.Clone(out[i+1:])}
				out = out[:i]
				if scripted {
					sc.base = f
					out = append(out, sc)
				} else {
					out = append(out, f)
				}
				continue
			}
		}
		if bare && !scripted && s.kind == opening {
			stack = append(stack, len(out))
		}
		out = append(out, n)
	}
	return out
}
