package math

import (
	"errors"
	"math/big"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/tex"
)

// The bounds of an expression. Answers and problems are foreign text.
const (
	maxExpression = 2000 // bytes
	maxNesting    = 40
)

// errExpression reports a text that this package cannot parse as an expression.
var errExpression = errors.New("not an expression")

// An expression is a tree of numbers, variables and operations on them.
type expression interface{}

type (
	number   struct{ *big.Rat }
	variable string
	// constant is π, e or ∞.
	constant  string
	operation struct {
		op   byte // + - * / ^
		a, b expression
	}
	negation struct{ x expression }
	call     struct {
		name string
		args []expression
	}
)

// functions by name, as LaTeX and people write them.
var functions = map[string]bool{
	"sin": true, "cos": true, "tan": true, "cot": true, "sec": true, "csc": true, "arcsin": true, "arccos": true, "arctan": true, "sinh": true, "cosh": true, "tanh": true,
	"ln": true, "log": true, "lg": true, "exp": true, "sqrt": true, "abs": true, "floor": true, "ceil": true,
}

// parseExpression reads an expression in LaTeX or as it is typed: 2x^3, \frac12,
// 3(x+1)/4, sqrt(2).
func parseExpression(s string) (expression, error) {
	if len(s) > maxExpression {
		return nil, errExpression
	}
	p := &reader{rest: s}
	e, err := p.sum()
	if err != nil {
		return nil, err
	}
	if p.peek() != "" {
		return nil, errExpression
	}
	return e, nil
}

// A reader takes tokens off the front of a text.
type reader struct {
	rest    string
	nesting int
	bar     int // open absolute values, whose end is a bar too
}

// ignored are commands that say only how something is set.
var ignored = map[string]bool{
	`\left`: true, `\right`: true, `\,`: true, `\;`: true, `\:`: true, `\!`: true, `\ `: true, `\quad`: true, `\displaystyle`: true, `\big`: true, `\Big`: true, `\bigl`: true, `\bigr`: true, `\limits`: true,
	`\mathrm`: true, `\mathbf`: true, `\operatorname`: true,
}

// spelled are characters and commands by the one that this package goes by.
var spelled = map[string]string{
	`\cdot`: "*", `\times`: "*", "·": "*", "×": "*", "∗": "*", "⋅": "*", `\div`: "/", "÷": "/", "−": "-", "–": "-", `\pi`: "π", `\infty`: "∞", `\{`: "{", `\}`: "}", `\lvert`: "|", `\rvert`: "|", `\vert`: "|", `\dfrac`: `\frac`, `\tfrac`: `\frac`, `\cfrac`: `\frac`, `\tbinom`: `\binom`, `\dbinom`: `\binom`,
	`\lfloor`: "⌊", `\rfloor`: "⌋", `\lceil`: "⌈", `\rceil`: "⌉", "**": "^",
}

// peek is the next token: a number, a command, a letter or a sign; "" at the end.
func (p *reader) peek() string {
	for {
		t := raw(p.rest)
		if t == "" || t != "~" && !ignored[t] && strings.TrimSpace(t) != "" {
			return t
		}
		p.rest = p.rest[len(t):]
	}
}

// raw returns the first token of a text as it is written: numbers and names of
// functions are one each, other letters stand alone.
func raw(s string) string {
	if n := numeral(s); n > 0 {
		return s[:n]
	}
	if strings.HasPrefix(s, "**") {
		return "**"
	}
	n := 0
	for n < len(s) && tex.IsLetter(s[n]) {
		n++
	}
	if functions[s[:n]] || s[:n] == "pi" {
		return s[:n]
	}
	return tex.Next(s)
}

// numeral is the length of the number at the beginning of a text. A comma before
// three digits groups them, also as LaTeX's {,}.
func numeral(s string) int {
	n := digits(s)
	if n > 0 && n <= 3 {
		for {
			rest := s[n:]
			comma := 0
			if strings.HasPrefix(rest, ",") {
				comma = 1
			} else if strings.HasPrefix(rest, "{,}") {
				comma = 3
			}
			if comma == 0 || digits(rest[comma:]) != 3 {
				break
			}
			n += comma + 3
		}
	}
	if n < len(s) && s[n] == '.' { // .5 is a number too
		if d := digits(s[n+1:]); d > 0 {
			n += 1 + d
		}
	}
	return n
}

func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// take goes over the next token and gives it in this package's spelling.
func (p *reader) take() string {
	t := p.peek()
	p.rest = p.rest[len(t):]
	return spell(t)
}

func spell(t string) string {
	if s, ok := spelled[t]; ok {
		return s
	}
	return t
}

func (p *reader) is(t string) bool {
	if spell(p.peek()) != t {
		return false
	}
	p.take()
	return true
}

func (p *reader) deeper() error {
	if p.nesting++; p.nesting > maxNesting {
		return errExpression
	}
	return nil
}

func (p *reader) sum() (expression, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.nesting-- }()
	e, err := p.product()
	for err == nil {
		op := spell(p.peek())
		if op != "+" && op != "-" {
			return e, nil
		}
		p.take()
		var b expression
		if b, err = p.product(); err == nil {
			e = operation{op[0], e, b}
		}
	}
	return nil, err
}

func (p *reader) product() (expression, error) {
	e, err := p.signed()
	for err == nil {
		t := spell(p.peek())
		op := byte('*')
		switch {
		case t == "*" || t == "/":
			p.take()
			op = t[0]
		case !p.begins(t):
			return e, nil
		case isSignedNumber(e) && t == `\frac`: // 3½ is three and a half
			f, err := p.power()
			if err != nil {
				return nil, err
			}
			if d, ok := f.(operation); ok && d.op == '/' && isNumber(d.a) && isNumber(d.b) {
				if n, ok := e.(negation); ok {
					e = negation{operation{'+', n.x, f}}
				} else {
					e = operation{'+', e, f}
				}
				continue
			}
			e = operation{'*', e, f}
			continue
		case isDigit(t): // two numbers beside each other mean nothing
			return nil, errExpression
		}
		var b expression
		if b, err = p.signed(); err == nil {
			e = operation{op, e, b}
		}
	}
	return nil, err
}

func isNumber(e expression) bool {
	_, ok := e.(number)
	return ok
}

func isSignedNumber(e expression) bool {
	if n, ok := e.(negation); ok {
		e = n.x
	}
	return isNumber(e)
}

// isDigit reports whether a token is a number.
func isDigit(t string) bool { return numeral(t) > 0 }

// begins reports whether a token begins a factor that is multiplied without a sign.
func (p *reader) begins(t string) bool {
	switch t {
	case "(", "[", "{", `\frac`, `\sqrt`, `\binom`, "π", "∞", "√", "⌊", "⌈":
		return true
	case "|":
		return p.bar == 0
	}
	return isDigit(t) || isName(t)
}

// isName reports whether a token is a variable or a function.
func isName(t string) bool {
	name := strings.TrimPrefix(t, `\`)
	if functions[name] {
		return true
	}
	if greek[t] {
		return true
	}
	r, n := utf8.DecodeRuneInString(t)
	return n == len(t) && t != "" && unicode.IsLetter(r)
}

var greek = map[string]bool{
	`\alpha`: true, `\beta`: true, `\gamma`: true, `\delta`: true, `\epsilon`: true, `\theta`: true, `\lambda`: true, `\mu`: true, `\sigma`: true, `\phi`: true, `\varphi`: true, `\omega`: true, `\rho`: true, `\tau`: true,
}

func (p *reader) signed() (expression, error) {
	minus := false
	for {
		switch {
		case p.is("-"):
			minus = !minus
			continue
		case p.is("+"):
			continue
		}
		break
	}
	e, err := p.power()
	if err == nil && minus {
		e = negation{e}
	}
	return e, err
}

func (p *reader) power() (expression, error) {
	e, err := p.atom()
	if err != nil {
		return nil, err
	}
	for {
		switch {
		case p.is("!"):
			e = call{"!", []expression{e}}
		case p.is("^"):
			exponent, err := p.argument()
			if err != nil {
				return nil, err
			}
			e = operation{'^', e, exponent}
		default:
			if n := exponentOf(&p.rest); n != nil {
				e = operation{'^', e, number{n}}
				continue
			}
			return e, nil
		}
	}
}

// exponentOf takes superscript digits off the front of a text.
func exponentOf(s *string) *big.Rat {
	const raised = "⁰¹²³⁴⁵⁶⁷⁸⁹"
	text := ""
	for {
		r, n := utf8.DecodeRuneInString(*s)
		i := strings.IndexRune(raised, r)
		if r == utf8.RuneError || i < 0 || len(text) > 8 {
			break
		}
		text += string(rune('0' + utf8.RuneCountInString(raised[:i])))
		*s = (*s)[n:]
	}
	if text == "" {
		return nil
	}
	r, _ := new(big.Rat).SetString(text)
	return r
}

// argument is what ^, \frac and \sqrt apply to: a group, or one digit or sign.
func (p *reader) argument() (expression, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.nesting-- }()
	t := p.peek()
	if isDigit(t) && !strings.ContainsAny(t, ".,{") { // x^12 is x¹2 in LaTeX, but people mean x¹²
		p.rest = p.rest[len(t):]
		return parseNumber(t)
	}
	if spell(t) == "-" || spell(t) == "+" {
		return p.signed()
	}
	return p.atom()
}

// fractionArgument is one digit of \frac12, or a group.
func (p *reader) fractionArgument() (expression, error) {
	if t := p.peek(); isDigit(t) {
		p.rest = p.rest[1:]
		return parseNumber(t[:1])
	}
	return p.argument()
}

func parseNumber(t string) (expression, error) {
	r, ok := new(big.Rat).SetString(strings.NewReplacer(",", "", "{,}", "", "{", "", "}", "").Replace(t))
	if !ok {
		return nil, errExpression
	}
	return number{r}, nil
}

// within parses an expression up to a closing token.
func (p *reader) within(end string) (expression, error) {
	e, err := p.sum()
	if err == nil && !p.is(end) {
		err = errExpression
	}
	return e, err
}

func (p *reader) atom() (expression, error) {
	t := p.take()
	switch t {
	case "":
		return nil, errExpression
	case "(":
		bar := p.bar
		p.bar = 0
		e, err := p.within(")")
		p.bar = bar
		return e, err
	case "[":
		return p.within("]")
	case "{":
		bar := p.bar
		p.bar = 0
		e, err := p.sum()
		if err == nil && p.is(`\over`) {
			var b expression
			b, err = p.sum()
			e = operation{'/', e, b}
		}
		if err == nil && !p.is("}") {
			err = errExpression
		}
		p.bar = bar
		return e, err
	case "|":
		p.bar++
		e, err := p.within("|")
		p.bar--
		return call{"abs", []expression{e}}, err
	case "⌊":
		e, err := p.within("⌋")
		return call{"floor", []expression{e}}, err
	case "⌈":
		e, err := p.within("⌉")
		return call{"ceil", []expression{e}}, err
	case `\frac`:
		a, err := p.fractionArgument()
		if err != nil {
			return nil, err
		}
		b, err := p.fractionArgument()
		return operation{'/', a, b}, err
	case `\binom`:
		a, err := p.fractionArgument()
		if err != nil {
			return nil, err
		}
		b, err := p.fractionArgument()
		return call{"binom", []expression{a, b}}, err
	case `\sqrt`, "√", "sqrt":
		var index expression
		if p.is("[") {
			var err error
			if index, err = p.within("]"); err != nil {
				return nil, err
			}
		}
		x, err := p.fractionArgument()
		if err != nil {
			return nil, err
		}
		if index != nil {
			return operation{'^', x, operation{'/', number{big.NewRat(1, 1)}, index}}, nil
		}
		return call{"sqrt", []expression{x}}, nil
	case "π", "pi":
		return constant("π"), nil
	case "∞":
		return constant("∞"), nil
	case "e":
		return constant("e"), nil
	}
	if isDigit(t) {
		return parseNumber(t)
	}
	name := strings.TrimPrefix(t, `\`)
	if functions[name] {
		return p.function(name)
	}
	if isName(t) {
		if p.is("_") { // an index is part of the name
			sub, err := p.argument()
			if err != nil {
				return nil, err
			}
			name += "_" + write(sub)
		}
		return variable(name), nil
	}
	return nil, errExpression
}

// function reads the argument of a function, which may stand without brackets:
// sin 2x, sin² x, log_2 8.
func (p *reader) function(name string) (expression, error) {
	var base, exponent expression
	var err error
	if name == "log" && p.is("_") {
		if base, err = p.fractionArgument(); err != nil {
			return nil, err
		}
	}
	if p.is("^") {
		if exponent, err = p.argument(); err != nil {
			return nil, err
		}
	}
	var x expression
	if t := spell(p.peek()); t == "(" || t == "{" || t == "[" {
		x, err = p.atom()
	} else if err = p.deeper(); err == nil {
		x, err = p.bare()
		p.nesting--
	}
	if err != nil {
		return nil, err
	}
	var e expression = call{name, []expression{x}}
	if base != nil {
		e = operation{'/', call{"ln", []expression{x}}, call{"ln", []expression{base}}}
	}
	if exponent != nil {
		e = operation{'^', e, exponent}
	}
	return e, nil
}

// bare is an argument without brackets: factors up to the next sign or function.
func (p *reader) bare() (expression, error) {
	e, err := p.power()
	for err == nil {
		t := spell(p.peek())
		if functions[strings.TrimPrefix(t, `\`)] || t == "(" || !p.begins(t) || isDigit(t) {
			return e, nil
		}
		var b expression
		if b, err = p.power(); err == nil {
			e = operation{'*', e, b}
		}
	}
	return nil, err
}
