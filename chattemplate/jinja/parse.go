package jinja

import (
	"slices"
	"strconv"
	"strings"
)

// A parser builds statements and expressions from tokens, by recursive descent with the
// precedence of jinja2/parser.py.
type parser struct {
	tokens  []token
	pos     int
	nesting int
	loops   int             // around this place
	names   map[string]bool // variables that are mentioned
}

func (p *parser) line() int {
	if len(p.tokens) == 0 {
		return 1
	}
	return p.peek().line
}

func (p *parser) peek() token { return p.tokens[min(p.pos, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.peek()
	p.pos++
	return t
}

// at reports whether a token of this kind comes, with this text unless "".
func (p *parser) at(kind tokenKind, text string) bool {
	t := p.peek()
	return t.kind == kind && (text == "" || t.text == text)
}

func (p *parser) accept(kind tokenKind, text string) bool {
	if p.at(kind, text) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) operator(text string) bool { return p.accept(tokenOperator, text) }
func (p *parser) keyword(text string) bool  { return p.accept(tokenName, text) }

func (p *parser) expect(kind tokenKind, text, what string) token {
	if !p.at(kind, text) {
		fail("%s where %s should be", p.peek(), what)
	}
	return p.next()
}

// enter counts a level of nesting; what it returns leaves it.
func (p *parser) enter() func() {
	if p.nesting++; p.nesting > maxNesting {
		fail("it is nested more than %d levels deep", maxNesting)
	}
	return func() { p.nesting-- }
}

// block reads statements up to a tag that begins with one of these words, which
// is left to the caller; without any, up to the end.
func (p *parser) block(ends ...string) []statement {
	defer p.enter()()
	var list []statement
	for {
		t := p.peek()
		switch t.kind {
		case tokenData:
			p.next()
			list = append(list, &data{String(t.text)})
		case tokenOutput:
			p.next()
			e := p.tuple(true)
			p.expect(tokenOutputEnd, "", "}}")
			list = append(list, &output{e, t.line})
		case tokenBlock:
			p.next()
			if name := p.peek(); name.kind == tokenName && slices.Contains(ends, name.text) {
				return list
			}
			list = append(list, p.statement(t.line))
		default:
			if len(ends) > 0 {
				fail("%s is missing", ends[len(ends)-1])
			}
			return list
		}
	}
}

// end reads the rest of the tag that ends a block.
func (p *parser) end() {
	p.next() // its name, which block found
	p.expect(tokenBlockEnd, "", "%}")
}

func (p *parser) statement(line int) statement {
	name := p.expect(tokenName, "", "the name of a statement")
	switch name.text {
	case "if":
		return p.parseIf(line)
	case "for":
		return p.parseFor(line)
	case "set":
		return p.parseSet(line)
	case "macro":
		return p.parseMacro(line)
	case "filter":
		f := p.filters(nil)
		p.expect(tokenBlockEnd, "", "%}")
		body := p.block("endfilter")
		p.end()
		return &filterBlock{body, f, line}
	case "generation": // marks what a model is trained on; renders as its inside
		p.expect(tokenBlockEnd, "", "%}")
		body := p.block("endgeneration")
		p.end()
		return group(body)
	case "break", "continue":
		if p.loops == 0 {
			fail("%s outside of a loop", name.text)
		}
		p.expect(tokenBlockEnd, "", "%}")
		if name.text == "break" {
			return leave(breaks)
		}
		return leave(continues)
	}
	if strings.HasPrefix(name.text, "end") || strings.HasPrefix(name.text, "el") {
		fail("%s is out of place", name.text)
	}
	fail("the statement %q is unknown", name.text)
	return nil
}

func (p *parser) parseIf(line int) statement {
	s := &ifElse{line: line}
	for {
		test := p.tuple(true)
		p.expect(tokenBlockEnd, "", "%}")
		s.branches = append(s.branches, branch{test, p.block("elif", "else", "endif")})
		if !p.keyword("elif") {
			break
		}
	}
	if p.keyword("else") {
		p.expect(tokenBlockEnd, "", "%}")
		s.otherwise = p.block("endif")
	}
	p.end()
	return s
}

func (p *parser) parseFor(line int) statement {
	f := &forLoop{targets: p.targets(), line: line}
	if !p.keyword("in") {
		fail("%s where \"in\" should be", p.peek())
	}
	f.over = p.tuple(false)
	if p.keyword("if") {
		f.only = p.expression()
	}
	p.expect(tokenBlockEnd, "", "%}")
	p.loops++
	f.body = p.block("else", "endfor")
	p.loops--
	if p.keyword("else") {
		p.expect(tokenBlockEnd, "", "%}")
		f.otherwise = p.block("endfor")
	}
	p.end()
	return f
}

// targets are the names that values go to.
func (p *parser) targets() []string {
	round := p.operator("(")
	names := []string{p.expect(tokenName, "", "a name").text}
	for p.operator(",") {
		names = append(names, p.expect(tokenName, "", "a name").text)
	}
	if round {
		p.expect(tokenOperator, ")", ")")
	}
	return names
}

func (p *parser) parseSet(line int) statement {
	s := &assign{targets: p.targets(), line: line}
	if p.operator(".") {
		s.attribute = p.expect(tokenName, "", "an attribute").text
	}
	if p.operator("=") {
		s.value = p.tuple(true)
		p.expect(tokenBlockEnd, "", "%}")
		return s
	}
	// What the block renders, through filters.
	s.filters = p.filters(nil)
	p.expect(tokenBlockEnd, "", "%}")
	s.body = p.block("endset")
	p.end()
	return s
}

func (p *parser) parseMacro(line int) statement {
	m := &macro{name: p.expect(tokenName, "", "a name").text, line: line}
	p.expect(tokenOperator, "(", "(")
	for !p.operator(")") {
		if len(m.params) > 0 {
			p.expect(tokenOperator, ",", ", or )")
		}
		m.params = append(m.params, p.expect(tokenName, "", "a parameter").text)
		var d expression
		if p.operator("=") {
			d = p.expression()
		}
		m.defaults = append(m.defaults, d)
	}
	p.expect(tokenBlockEnd, "", "%}")
	loops := p.loops
	p.loops = 0
	m.body = p.block("endmacro")
	p.loops = loops
	p.end()
	return m
}

// tuple reads expressions with commas between them; one alone is itself.
func (p *parser) tuple(conditions bool) expression {
	one := p.expression
	if !conditions {
		one = p.or
	}
	first := one()
	if !p.at(tokenOperator, ",") {
		return first
	}
	items := []expression{first}
	for p.operator(",") {
		if k := p.peek().kind; k == tokenOutputEnd || k == tokenBlockEnd || p.at(tokenOperator, ")") {
			break
		}
		items = append(items, one())
	}
	return &list{items, true}
}

// expression reads a if b else c, and all that binds tighter.
func (p *parser) expression() expression {
	defer p.enter()()
	e := p.or()
	for p.keyword("if") {
		c := &conditional{yes: e, test: p.or()}
		if p.keyword("else") {
			c.no = p.expression()
		}
		e = c
	}
	return e
}

func (p *parser) or() expression {
	e := p.and()
	for p.keyword("or") {
		e = &logic{a: e, b: p.and(), or: true}
	}
	return e
}

func (p *parser) and() expression {
	e := p.not()
	for p.keyword("and") {
		e = &logic{a: e, b: p.not()}
	}
	return e
}

func (p *parser) not() expression {
	if p.keyword("not") {
		defer p.enter()()
		return &negation{p.not()}
	}
	return p.comparison()
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">="}

func (p *parser) comparison() expression {
	c := &comparison{first: p.sum()}
	for {
		t := p.peek()
		op := ""
		switch {
		case t.kind == tokenOperator && slices.Contains(comparisons, t.text), t.kind == tokenName && t.text == "in":
			op = t.text
			p.next()
		case t.kind == tokenName && t.text == "not" && p.tokens[min(p.pos+1, len(p.tokens)-1)].text == "in":
			op = "not in"
			p.pos += 2
		default:
			if len(c.rest) == 0 {
				return c.first
			}
			return c
		}
		c.ops = append(c.ops, op)
		c.rest = append(c.rest, p.sum())
	}
}

// chain reads operators of one level, which group to the left.
func (p *parser) chain(tighter func() expression, ops ...string) expression {
	e := tighter()
	for p.peek().kind == tokenOperator && slices.Contains(ops, p.peek().text) {
		op := p.next().text
		e = &binary{op, e, tighter()}
	}
	return e
}

func (p *parser) sum() expression    { return p.chain(p.concat, "+", "-") }
func (p *parser) concat() expression { return p.chain(p.product, "~") }

func (p *parser) product() expression {
	return p.chain(p.power, "*", "/", "//", "%")
}

func (p *parser) power() expression {
	return p.chain(func() expression { return p.unary(true) }, "**")
}

func (p *parser) unary(filters bool) expression {
	var e expression
	if t := p.peek(); t.kind == tokenOperator && (t.text == "-" || t.text == "+") {
		defer p.enter()()
		p.next()
		e = &sign{p.unary(false), t.text == "-"}
	} else {
		e = p.primary()
	}
	e = p.postfix(e)
	if filters {
		e = p.filtersAndTests(e)
	}
	return e
}

func (p *parser) primary() expression {
	t := p.next()
	switch t.kind {
	case tokenName:
		switch t.text {
		case "true", "True":
			return literal{true}
		case "false", "False":
			return literal{false}
		case "none", "None":
			return literal{nil}
		case "in", "is", "and", "or", "not", "if", "else":
			fail("%s is out of place", t)
		}
		p.names[t.text] = true
		return name(t.text)
	case tokenString:
		s := t.text
		for p.at(tokenString, "") { // neighbours are one string
			s += p.next().text
		}
		return literal{String(s)}
	case tokenInt:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			fail("the number %s is too large", t.text)
		}
		return literal{n}
	case tokenFloat:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			fail("the number %s is too large", t.text)
		}
		return literal{f}
	case tokenOperator:
		switch t.text {
		case "(":
			if p.operator(")") {
				return &list{tuple: true}
			}
			e := p.tuple(true)
			p.expect(tokenOperator, ")", ")")
			return e
		case "[":
			return &list{items: p.items("]")}
		case "{":
			return p.dict()
		}
	}
	fail("%s is out of place", t)
	return nil
}

// items are expressions up to a closing bracket.
func (p *parser) items(closing string) []expression {
	var items []expression
	for !p.operator(closing) {
		if len(items) > 0 {
			p.expect(tokenOperator, ",", ", or "+closing)
			if p.operator(closing) {
				break
			}
		}
		items = append(items, p.expression())
	}
	return items
}

func (p *parser) dict() expression {
	d := &dict{}
	for !p.operator("}") {
		if len(d.keys) > 0 {
			p.expect(tokenOperator, ",", ", or }")
			if p.operator("}") {
				break
			}
		}
		d.keys = append(d.keys, p.expression())
		p.expect(tokenOperator, ":", ":")
		d.values = append(d.values, p.expression())
	}
	return d
}

// postfix reads attributes, items and calls.
func (p *parser) postfix(e expression) expression {
	for {
		switch {
		case p.operator("."):
			t := p.next()
			switch t.kind {
			case tokenName:
				e = &attribute{e, t.text}
			case tokenInt:
				n, err := strconv.ParseInt(t.text, 10, 64)
				if err != nil {
					fail("the number %s is too large", t.text)
				}
				e = &item{e, literal{n}}
			default:
				fail("%s where an attribute should be", t)
			}
		case p.operator("["):
			e = p.subscript(e)
		case p.operator("("):
			e = &call{e, p.arguments()}
		default:
			return e
		}
	}
}

func (p *parser) subscript(of expression) expression {
	var parts [3]expression
	colons := 0
	for !p.at(tokenOperator, "]") {
		if p.operator(":") {
			if colons++; colons > 2 {
				fail("a slice has more than three parts")
			}
			continue
		}
		if parts[colons] != nil {
			fail("%s where ] should be", p.peek())
		}
		parts[colons] = p.expression()
	}
	p.next()
	if colons > 0 {
		return &slice{of, parts}
	}
	if parts[0] == nil {
		fail("nothing is between [ and ]")
	}
	return &item{of, parts[0]}
}

// arguments reads what stands between the parentheses of a call.
func (p *parser) arguments() callArguments {
	var a callArguments
	for first := true; !p.operator(")"); first = false {
		if !first {
			p.expect(tokenOperator, ",", ", or )")
			if p.operator(")") {
				break
			}
		}
		if p.at(tokenName, "") && p.tokens[min(p.pos+1, len(p.tokens)-1)].text == "=" &&
			p.tokens[min(p.pos+1, len(p.tokens)-1)].kind == tokenOperator {
			a.names = append(a.names, p.next().text)
			p.next()
			a.named = append(a.named, p.expression())
			continue
		}
		if len(a.names) > 0 {
			fail("an argument without a name comes after one with a name")
		}
		a.list = append(a.list, p.expression())
	}
	return a
}

// filters reads |name(arguments), any number of times. The first bar of a
// filter block is left out.
func (p *parser) filters(e expression) expression {
	if e == nil {
		e = rendered{}
		if p.at(tokenName, "") {
			e = p.filter(e)
		}
	}
	for p.operator("|") {
		e = p.filter(e)
	}
	return e
}

func (p *parser) filter(e expression) expression {
	f := &filter{of: e, name: p.expect(tokenName, "", "a filter").text}
	if p.operator("(") {
		f.args = p.arguments()
	}
	return f
}

func (p *parser) filtersAndTests(e expression) expression {
	for {
		switch {
		case p.operator("|"):
			e = p.filter(e)
		case p.keyword("is"):
			e = p.test(e)
		case p.operator("("):
			e = &call{e, p.arguments()}
		default:
			return e
		}
	}
}

// test reads what comes after is. One argument may stand without parentheses.
func (p *parser) test(e expression) expression {
	t := &test{of: e, not: p.keyword("not")}
	if p.at(tokenOperator, "") && slices.Contains(comparisons, p.peek().text) {
		t.name = p.next().text
	} else {
		t.name = p.expect(tokenName, "", "a test").text
	}
	next := p.peek()
	switch {
	case p.operator("("):
		t.args = p.arguments()
	case next.kind == tokenString, next.kind == tokenInt, next.kind == tokenFloat,
		next.kind == tokenOperator && (next.text == "[" || next.text == "{"),
		next.kind == tokenName && !slices.Contains([]string{"else", "or", "and", "is", "if", "in", "not"}, next.text):
		t.args.list = []expression{p.postfix(p.primary())}
	}
	return t
}
