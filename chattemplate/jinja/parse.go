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

// at reports whether the next token has this kind, and this text unless text is "".
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
		fail("unexpected %s: want %s", p.peek(), what)
	}
	return p.next()
}

// enter enters a level of nesting. The result leaves it.
func (p *parser) enter() func() {
	if p.nesting++; p.nesting > maxNesting {
		fail("it is nested more than %d levels deep", maxNesting)
	}
	return func() { p.nesting-- }
}

// block reads statements up to a tag that begins with one of ends, which the caller reads;
// without ends, up to the end.
func (p *parser) block(ends ...string) []statement {
	defer p.enter()()
	var list []statement
	for {
		t := p.peek()
		switch t.kind {
		case tokenData:
			p.next()
			list = append(list, data(String(t.text)))
		case tokenOutput:
			p.next()
			e := p.tuple(true)
			p.expect(tokenOutputEnd, "", "}}")
			list = append(list, located(t.line, output(e)))
		case tokenBlock:
			p.next()
			if name := p.peek(); name.kind == tokenName && slices.Contains(ends, name.text) {
				return list
			}
			list = append(list, located(t.line, p.statement(t.line)))
		default:
			if len(ends) > 0 {
				fail("%s is missing", ends[len(ends)-1])
			}
			return list
		}
	}
}

// tagEnd reads the end of a tag.
func (p *parser) tagEnd() { p.expect(tokenBlockEnd, "", "%}") }

// body reads the end of a tag and then statements, as block does.
func (p *parser) body(ends ...string) []statement {
	p.tagEnd()
	return p.block(ends...)
}

// end reads the rest of the tag that ends a block.
func (p *parser) end() {
	p.next() // its name, which block found
	p.tagEnd()
}

func (p *parser) statement(line int) statement {
	name := p.expect(tokenName, "", "the name of a statement")
	switch name.text {
	case "if":
		return p.parseIf()
	case "for":
		return p.parseFor()
	case "set":
		return p.parseSet()
	case "macro":
		return p.parseMacro()
	case "filter":
		f := p.filters(nil)
		body := p.body("endfilter")
		p.end()
		return filterBlock(body, f, line)
	case "generation": // marks what a model is trained on; renders as its inside
		body := p.body("endgeneration")
		p.end()
		return group(body)
	case "break", "continue":
		if p.loops == 0 {
			fail("%s outside of a loop", name.text)
		}
		p.tagEnd()
		if name.text == "break" {
			return leave(breaks)
		}
		return leave(continues)
	}
	if strings.HasPrefix(name.text, "end") || strings.HasPrefix(name.text, "el") {
		fail("unexpected %s", name.text)
	}
	fail("the statement %q is unknown", name.text)
	return nil
}

func (p *parser) parseIf() statement {
	var tests []expression
	var bodies [][]statement
	for again := true; again; again = p.keyword("elif") {
		tests = append(tests, p.tuple(true))
		bodies = append(bodies, p.body("elif", "else", "endif"))
	}
	var otherwise []statement
	if p.keyword("else") {
		otherwise = p.body("endif")
	}
	p.end()
	return ifElse(tests, bodies, otherwise)
}

func (p *parser) parseFor() statement {
	f := &forLoop{targets: p.targets()}
	if !p.keyword("in") {
		fail("unexpected %s: want \"in\"", p.peek())
	}
	f.over = p.tuple(false)
	if p.keyword("if") {
		f.only = p.expression()
	}
	p.tagEnd()
	p.loops++
	f.body = p.block("else", "endfor")
	p.loops--
	if p.keyword("else") {
		f.otherwise = p.body("endfor")
	}
	p.end()
	return f.exec
}

// targets reads the names to assign to.
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

func (p *parser) parseSet() statement {
	s := &assign{targets: p.targets()}
	if p.operator(".") {
		s.attribute = p.expect(tokenName, "", "an attribute").text
	}
	if p.operator("=") {
		s.value = p.tuple(true)
		p.tagEnd()
		return s.exec
	}
	// The rendered block, filtered.
	s.filters = p.filters(nil)
	s.body = p.body("endset")
	p.end()
	return s.exec
}

func (p *parser) parseMacro() statement {
	m := &macro{name: p.expect(tokenName, "", "a name").text}
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
	p.tagEnd()
	loops := p.loops
	p.loops = 0
	m.body = p.block("endmacro")
	p.loops = loops
	p.end()
	return m.exec
}

// tuple reads expressions with commas between them; a single one is not a tuple.
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
	return list(items, true)
}

// expression reads a if b else c, and everything of higher precedence.
func (p *parser) expression() expression {
	defer p.enter()()
	e := p.or()
	for p.keyword("if") {
		test := p.or()
		var no expression
		if p.keyword("else") {
			no = p.expression()
		}
		e = conditional(e, test, no)
	}
	return e
}

func (p *parser) or() expression {
	e := p.and()
	for p.keyword("or") {
		e = logic(e, p.and(), true)
	}
	return e
}

func (p *parser) and() expression {
	e := p.not()
	for p.keyword("and") {
		e = logic(e, p.not(), false)
	}
	return e
}

func (p *parser) not() expression {
	if p.keyword("not") {
		defer p.enter()()
		return negation(p.not())
	}
	return p.comparison()
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">="}

func (p *parser) comparison() expression {
	first := p.sum()
	var ops []string
	var rest []expression
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
			if len(rest) == 0 {
				return first
			}
			return comparison(first, ops, rest)
		}
		ops = append(ops, op)
		rest = append(rest, p.sum())
	}
}

// chain reads left-associative operators of one precedence.
func (p *parser) chain(tighter func() expression, ops ...string) expression {
	e := tighter()
	for p.peek().kind == tokenOperator && slices.Contains(ops, p.peek().text) {
		op := p.next().text
		e = binary(op, e, tighter())
	}
	return e
}

func (p *parser) sum() expression     { return p.chain(p.concat, "+", "-") }
func (p *parser) concat() expression  { return p.chain(p.product, "~") }
func (p *parser) product() expression { return p.chain(p.power, "*", "/", "//", "%") }
func (p *parser) power() expression   { return p.chain(p.filtered, "**") }

func (p *parser) filtered() expression { return p.filtersAndTests(p.unary()) }

func (p *parser) unary() expression {
	if t := p.peek(); t.kind == tokenOperator && (t.text == "-" || t.text == "+") {
		defer p.enter()()
		p.next()
		return p.postfix(sign(p.unary(), t.text == "-"))
	}
	return p.postfix(p.primary())
}

func (p *parser) primary() expression {
	t := p.next()
	switch t.kind {
	case tokenName:
		switch t.text {
		case "true", "True":
			return literal(true)
		case "false", "False":
			return literal(false)
		case "none", "None":
			return literal(nil)
		case "in", "is", "and", "or", "not", "if", "else":
			fail("unexpected %s", t)
		}
		p.names[t.text] = true
		return variable(t.text)
	case tokenString:
		s := t.text
		for p.at(tokenString, "") { // neighbours are one string
			s += p.next().text
		}
		return literal(String(s))
	case tokenInt:
		return literal(integerOf(t))
	case tokenFloat:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			fail("the number %s is too large", t.text)
		}
		return literal(f)
	case tokenOperator:
		switch t.text {
		case "(":
			if p.operator(")") {
				return list(nil, true)
			}
			e := p.tuple(true)
			p.expect(tokenOperator, ")", ")")
			return e
		case "[":
			return list(p.items("]"), false)
		case "{":
			return p.dict()
		}
	}
	fail("unexpected %s", t)
	return nil
}

func integerOf(t token) int64 {
	n, err := strconv.ParseInt(t.text, 10, 64)
	if err != nil {
		fail("the number %s is too large", t.text)
	}
	return n
}

// separated reads a list up to a closing bracket, with commas between its elements.
func (p *parser) separated(closing string, element func()) {
	for first := true; !p.operator(closing); first = false {
		if !first {
			p.expect(tokenOperator, ",", ", or "+closing)
			if p.operator(closing) {
				return
			}
		}
		element()
	}
}

func (p *parser) items(closing string) (items []expression) {
	p.separated(closing, func() { items = append(items, p.expression()) })
	return items
}

func (p *parser) dict() expression {
	var keys, values []expression
	p.separated("}", func() {
		keys = append(keys, p.expression())
		p.expect(tokenOperator, ":", ":")
		values = append(values, p.expression())
	})
	return dict(keys, values)
}

// postfix reads attributes, items and calls.
func (p *parser) postfix(e expression) expression {
	for {
		switch {
		case p.operator("."):
			t := p.next()
			switch t.kind {
			case tokenName:
				e = attribute(e, t.text)
			case tokenInt:
				e = item(e, literal(integerOf(t)))
			default:
				fail("unexpected %s: want an attribute", t)
			}
		case p.operator("["):
			e = p.subscript(e)
		case p.operator("("):
			e = call(e, p.arguments())
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
			fail("unexpected %s: want ]", p.peek())
		}
		parts[colons] = p.expression()
	}
	p.next()
	if colons > 0 {
		return slice(of, parts)
	}
	if parts[0] == nil {
		fail("the subscript is empty")
	}
	return item(of, parts[0])
}

// arguments reads the arguments of a call after the opening parenthesis.
func (p *parser) arguments() (a callArguments) {
	p.separated(")", func() {
		if after := p.tokens[min(p.pos+1, len(p.tokens)-1)]; p.at(tokenName, "") && after.kind == tokenOperator && after.text == "=" {
			a.names = append(a.names, p.next().text)
			p.next()
			a.named = append(a.named, p.expression())
			return
		}
		if len(a.names) > 0 {
			fail("an argument without a name comes after one with a name")
		}
		a.list = append(a.list, p.expression())
	})
	return a
}

// filters reads |name(arguments), any number of times. The first bar of a
// filter block is left out.
func (p *parser) filters(e expression) expression {
	if e == nil {
		e = variable(renderedName)
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
	name := p.expect(tokenName, "", "a filter").text
	var args callArguments
	if p.operator("(") {
		args = p.arguments()
	}
	return filter(e, name, args)
}

func (p *parser) filtersAndTests(e expression) expression {
	for {
		switch {
		case p.operator("|"):
			e = p.filter(e)
		case p.keyword("is"):
			e = p.test(e)
		case p.operator("("):
			e = call(e, p.arguments())
		default:
			return e
		}
	}
}

// test reads a test after is. A single argument needs no parentheses.
func (p *parser) test(e expression) expression {
	not := p.keyword("not")
	name := p.next()
	if name.kind != tokenName && (name.kind != tokenOperator || !slices.Contains(comparisons, name.text)) {
		fail("unexpected %s: want a test", name)
	}
	var args callArguments
	next := p.peek()
	switch {
	case p.operator("("):
		args = p.arguments()
	case next.kind == tokenString, next.kind == tokenInt, next.kind == tokenFloat,
		next.kind == tokenOperator && (next.text == "[" || next.text == "{"),
		next.kind == tokenName && !slices.Contains([]string{"else", "or", "and", "is", "if", "in", "not"}, next.text):
		args.list = []expression{p.postfix(p.primary())}
	}
	return test(e, name.text, args, not)
}
