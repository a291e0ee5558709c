package latex

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// atom parses one part. It is nil for commands that draw nothing.
func (p *parser) atom() (node, error) {
	t := string(p.next())
	switch t {
	case "{":
		return p.group()
	case "$":
		return nil, ErrSource
	case `\operatorname`, `\operatorname*`, `\operatornamewithlimits`:
		s, err := p.word()
		return symbol{text: s, kind: operator, limits: t != `\operatorname`}, err
	case `\label`, `\vspace`, `\vspace*`, `\color`, `\ref`, `\eqref`:
		_, err := p.word()
		return nil, err
	case `\hspace`, `\hspace*`, `\hskip`, `\kern`, `\mkern`, `\mskip`:
		n, err := p.dimension()
		if n == 0 {
			return nil, err
		}
		return space(n), err
	case `\rule`:
		if p.take("[") {
			if _, err := p.bracket(); err != nil {
				return nil, err
			}
		}
		n, err := p.dimension()
		if err != nil {
			return nil, err
		}
		_, err = p.dimension()
		return symbol{text: strings.Repeat("_", max(1, n))}, err
	case `\phantom`, `\hphantom`, `\vphantom`:
		body, err := p.argument()
		if err != nil || t == `\vphantom` {
			return nil, err
		}
		return space((&drawer{flat: true}).draw(body, false).width), nil
	case `\tag`, `\tag*`:
		s, err := p.word()
		if t == `\tag` {
			s = "(" + s + ")"
		}
		return row{space(4), symbol{text: s}}, err
	case `\textcolor`, `\class`, `\style`, `\href`, `\htmlId`, `\htmlClass`, `\htmlStyle`, `\htmlData`:
		if _, err := p.word(); err != nil {
			return nil, err
		}
		return p.argument()
	case `\colorbox`:
		if _, err := p.word(); err != nil {
			return nil, err
		}
		return p.text()
	case `\fcolorbox`:
		if _, err := p.word(); err != nil {
			return nil, err
		}
		if _, err := p.word(); err != nil {
			return nil, err
		}
		body, err := p.text()
		return boxed{body}, err
	case `\raisebox`:
		if _, err := p.dimension(); err != nil {
			return nil, err
		}
		return p.text()
	case `\verb`:
		return p.verbatim()
	case `\char`:
		return p.character()
	case `\vcenter`, `\mathllap`, `\mathrlap`, `\mathclap`, `\smash`, `\phase`, `\angl`:
		if t == `\smash` && p.take("[") {
			if _, err := p.bracket(); err != nil {
				return nil, err
			}
		}
		body, err := p.argument()
		switch t {
		case `\phase`:
			return row{symbol{text: "∠"}, body}, err
		case `\angl`:
			return fence{right: "⌉", body: body}, err
		}
		return body, err
	case `\mathchoice`:
		body, err := p.argument()
		for range 3 {
			if err == nil {
				_, err = p.argument()
			}
		}
		return body, err
	case `\genfrac`:
		return p.anyFraction()
	case `\bra`, `\Bra`, `\ket`, `\Ket`, `\braket`, `\Braket`, `\set`, `\Set`:
		body, err := p.argument()
		f := fence{left: "⟨", right: "⟩", body: body}
		switch strings.ToLower(t) {
		case `\bra`:
			f.right = "|"
		case `\ket`:
			f.left = "|"
		case `\set`:
			f.left, f.right = "{", "}"
		}
		return f, err
	case `\frac`, `\dfrac`, `\tfrac`, `\cfrac`, `\binom`, `\dbinom`, `\tbinom`:
		above, err := p.argument()
		if err != nil {
			return nil, err
		}
		below, err := p.argument()
		if strings.HasSuffix(t, "binom") {
			return fence{left: "(", right: ")", body: fraction{above: above, below: below}}, err
		}
		return fraction{above: above, below: below, bar: true}, err
	case `\sqrt`:
		return p.root()
	case `\left`:
		return p.fence()
	case `\begin`:
		return p.environment()
	case `\overbrace`, `\underbrace`:
		body, err := p.argument()
		return brace{body: body, below: t == `\underbrace`}, err
	case `\overset`, `\stackrel`, `\underset`:
		small, err := p.argument()
		if err != nil {
			return nil, err
		}
		base, err := p.argument()
		if err != nil {
			return nil, err
		}
		s := stack{base: base, above: small, kind: base.class()}
		if t == `\underset` {
			s.above, s.below = nil, small
		} else if t == `\stackrel` {
			s.kind = relation
		}
		if one, ok := base.(row); ok && len(one) == 1 {
			s.kind = one[0].class()
		}
		return s, nil
	case `\substack`:
		if !p.take("{") {
			return nil, ErrSource
		}
		if err := p.deeper(); err != nil {
			return nil, err
		}
		defer func() { p.depth-- }()
		g, err := p.cells(func(token) bool { return false })
		if err != nil || p.next() != "}" {
			return nil, ErrSource
		}
		g.align = "c"
		return g, nil
	case `\boxed`, `\fbox`:
		body, err := p.argument()
		return boxed{body}, err
	case `\not`:
		n, err := p.argument()
		if err != nil {
			return nil, err
		}
		s, ok := n.(symbol)
		if !ok {
			return accent{body: n, mark: '\u0338'}, nil
		}
		if stroked, ok := negated[s.text]; ok {
			s.text = stroked
		} else {
			s.text += "\u0338"
		}
		return s, nil
	case `\bmod`, `\mod`:
		return symbol{text: "mod", kind: binary}, nil
	case `\pmod`, `\pod`:
		body, err := p.argument()
		return row{space(1), fence{left: "(", right: ")", body: row{symbol{text: "mod", kind: operator}, body}}}, err
	case `\middle`:
		return nil, ErrSource
	}
	if isText[token(t)] {
		return p.text()
	}
	if kind, ok := classes[t]; ok {
		body, err := p.argument()
		return stack{base: body, kind: kind}, err
	}
	if s, ok := arrows[t]; ok {
		var err error
		if p.take("[") {
			if s.below, err = p.bracket(); err != nil {
				return nil, err
			}
		}
		s.above, err = p.argument()
		return s, err
	}
	if alphabet, ok := alphabets[t]; ok {
		return p.inFace(alphabet)
	}
	if a, ok := accents[t]; ok {
		var err error
		a.body, err = p.argument()
		return a, err
	}
	if sized[t] {
		p.skipSpace()
		d := string(p.next())
		text, ok := delimiters[d]
		if !ok {
			return nil, ErrSource
		}
		kind := ordinary
		switch {
		case strings.HasSuffix(t, "l"), partner[text] != "":
			kind = opening
		case strings.HasSuffix(t, "r"), strings.Contains(")]}⟩⌋⌉", text):
			kind = closing
		case strings.HasSuffix(t, "m"):
			kind = relation
		}
		return symbol{text: text, kind: kind}, nil
	}
	if s, ok := p.simple(t); ok {
		return s, nil
	}
	if n, ok := spaces[t]; ok {
		if n == 0 {
			return nil, nil
		}
		return space(n), nil
	}
	if dropped[t] {
		return nil, nil
	}
	if strings.HasPrefix(t, `\`) || t == "&" || t == "}" {
		return nil, ErrSource
	}
	return p.plain(t), nil
}

// simple returns the symbol of a command that has one.
func (p *parser) simple(t string) (symbol, bool) {
	if s, ok := letters[t]; ok {
		return symbol{text: s}, true
	}
	if s, ok := binaries[t]; ok {
		return symbol{text: s, kind: binary}, true
	}
	if s, ok := relations[t]; ok {
		return symbol{text: s, kind: relation}, true
	}
	if s, ok := bigs[t]; ok {
		return symbol{text: s, kind: operator, limits: true}, true
	}
	if s, ok := integrals[t]; ok {
		return symbol{text: s, kind: operator}, true
	}
	if limits, ok := functions[t]; ok {
		name, ok := named[t]
		if !ok {
			name = t[1:]
		}
		return symbol{text: name, kind: operator, limits: limits}, true
	}
	if kind, ok := fences[t]; ok {
		return symbol{text: delimiters[t], kind: kind}, true
	}
	return symbol{}, false
}

// plain returns the symbol of a character. The digits of a number are one symbol.
func (p *parser) plain(t string) node {
	if s, ok := characters[t]; ok {
		return s
	}
	if isDigit(token(t)) {
		for {
			next := p.peek()
			thousands := (next == "," || next == ".") && p.at+1 < len(p.tokens) && digits(p.tokens[p.at+1:], next)
			if !isDigit(next) && !thousands {
				return symbol{text: t}
			}
			t += string(p.next())
		}
	}
	return symbol{text: t}
}

// verbatim parses \verb|text|.
func (p *parser) verbatim() (node, error) {
	end := p.next()
	var s strings.Builder
	for {
		switch t := p.next(); t {
		case "":
			return nil, ErrSource
		case end:
			return symbol{text: s.String()}, nil
		default:
			s.WriteString(string(t))
		}
	}
}

// character parses the number after \char: decimal, 'octal or "hexadecimal.
func (p *parser) character() (node, error) {
	base := 10
	if p.take("'") {
		base = 8
	} else if p.take("\"") {
		base = 16
	}
	r := 0
	for {
		digit, err := strconv.ParseInt(string(p.peek()), base, 8)
		if err != nil {
			break
		}
		if r = r*base + int(digit); r > unicode.MaxRune {
			return nil, ErrSource
		}
		p.at++
	}
	if !unicode.IsGraphic(rune(r)) || unicode.IsMark(rune(r)) {
		return nil, ErrSource
	}
	return symbol{text: string(rune(r))}, nil
}

// anyFraction parses \genfrac{left}{right}{thickness}{style}{above}{below}.
func (p *parser) anyFraction() (node, error) {
	var f fence
	for _, to := range []*string{&f.left, &f.right} {
		braced := p.take("{")
		if !braced || p.peek() != "}" {
			var err error
			if *to, err = p.delimiter(); err != nil {
				return nil, err
			}
		}
		if braced && !p.take("}") {
			return nil, ErrSource
		}
	}
	thickness, err := p.word()
	if err != nil {
		return nil, err
	}
	if _, err = p.word(); err != nil {
		return nil, err
	}
	body := fraction{bar: thickness == "" || strings.Trim(thickness, "0.ptemux ") != ""}
	if body.above, err = p.argument(); err != nil {
		return nil, err
	}
	if body.below, err = p.argument(); err != nil {
		return nil, err
	}
	if f.left+f.right == "" {
		return body, nil
	}
	f.body = body
	return f, nil
}

// digits reports whether the tokens after a mark continue a number: any digits after a
// point, exactly three after a comma, because lists have commas too.
func digits(rest []token, mark token) bool {
	n := 0
	for n < len(rest) && isDigit(rest[n]) {
		n++
	}
	return mark == "." && n > 0 || mark == "," && n == 3
}

func isDigit(t token) bool { return len(t) == 1 && '0' <= t[0] && t[0] <= '9' }

// inFace parses an argument in another alphabet.
func (p *parser) inFace(alphabet func(rune) rune) (node, error) {
	n, err := p.argument()
	if err != nil {
		return nil, err
	}
	return inFace(n, alphabet), nil
}

func inFace(n node, alphabet func(rune) rune) node {
	switch n := n.(type) {
	case symbol:
		if n.kind == ordinary {
			n.text = strings.Map(alphabet, n.text)
		}
		return n
	case row:
		out := row{}
		word := true
		for _, part := range n {
			part = inFace(part, alphabet)
			s, ok := part.(symbol)
			word = word && ok && s.kind == ordinary
			out = append(out, part)
		}
		if word && len(out) > 1 { // \mathrm{kg} is one symbol
			var text strings.Builder
			for _, part := range out {
				text.WriteString(part.(symbol).text)
			}
			return symbol{text: text.String()}
		}
		return out
	case scripts:
		n.base = inFace(n.base, alphabet)
		return n
	}
	return n
}

// root parses \sqrt[n]{x}.
func (p *parser) root() (node, error) {
	var r root
	var err error
	if p.take("[") {
		if r.index, err = p.bracket(); err != nil {
			return nil, err
		}
	}
	r.body, err = p.argument()
	return r, err
}

// bracket parses up to the ] of an optional argument.
func (p *parser) bracket() (node, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	n, err := p.row(func(t token) bool { return t == "]" })
	if err != nil {
		return nil, err
	}
	if p.next() != "]" {
		return nil, ErrSource
	}
	return n, nil
}

// fence parses \left( … \right), with any number of \middle| in it.
func (p *parser) fence() (node, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	left, err := p.delimiter()
	if err != nil {
		return nil, err
	}
	var parts row
	for {
		body, err := p.lines(func(token) bool { return false })
		if err != nil {
			return nil, err
		}
		parts = append(parts, body)
		switch p.next() {
		case `\right`:
			right, err := p.delimiter()
			if len(parts) == 1 {
				return fence{left: left, right: right, body: body}, err
			}
			return fence{left: left, right: right, body: parts}, err
		case `\middle`:
			d, err := p.delimiter()
			if err != nil {
				return nil, err
			}
			parts = append(parts, symbol{text: d, kind: relation})
		default:
			return nil, ErrSource
		}
	}
}

func (p *parser) delimiter() (string, error) {
	p.skipSpace()
	d, ok := delimiters[string(p.next())]
	if !ok {
		return "", ErrSource
	}
	return d, nil
}

// environment parses \begin{name} … \end{name}.
func (p *parser) environment() (node, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	name, err := p.word()
	if err != nil {
		return nil, err
	}
	kind := strings.TrimSuffix(name, "*")
	var columns string
	alignment := "c"
	if kind == "array" || kind == "darray" || kind == "subarray" || kind == "alignedat" || kind == "alignat" || kind == "tabular" {
		p.lineSpace()
		if columns, err = p.word(); err != nil {
			return nil, err
		}
	} else if p.peek() == "[" { // aligned[t], matrix*[r]
		if p.at+1 < len(p.tokens) && strings.Contains("lcr", string(p.tokens[p.at+1])) {
			alignment = string(p.tokens[p.at+1])
		}
		p.lineSpace()
	}
	var first []int
	for p.take(`\hline`) || p.take(`\hdashline`) {
		first = append(first, 0)
	}
	g, err := p.cells(func(token) bool { return false })
	if err != nil {
		return nil, err
	}
	g.rules = append(first, g.rules...)
	if p.next() != `\end` {
		return nil, ErrSource
	}
	if end, err := p.word(); err != nil || end != name {
		return nil, ErrSource
	}
	g.align, g.gap = alignment, 2
	var n node
	switch kind {
	case "matrix", "smallmatrix":
		n = g
	case "pmatrix":
		n = fence{left: "(", right: ")", body: g}
	case "bmatrix":
		n = fence{left: "[", right: "]", body: g}
	case "Bmatrix":
		n = fence{left: "{", right: "}", body: g}
	case "vmatrix":
		n = fence{left: "|", right: "|", body: g}
	case "Vmatrix":
		n = fence{left: "‖", right: "‖", body: g}
	case "cases", "dcases":
		g.align = "l"
		n = fence{left: "{", body: g}
	case "rcases", "drcases":
		g.align = "l"
		n = fence{right: "}", body: g}
	case "array", "darray", "subarray", "tabular":
		g.align, g.bars = columnsOf(columns)
		n = g
	case "aligned", "align", "split", "eqnarray", "alignedat", "alignat", "flalign":
		g.align, g.gap, g.paired = "rl", 3, true
		if kind == "eqnarray" {
			g.align, g.gap, g.paired = "rcl", 1, false
		}
		n = g
	case "gather", "gathered", "equation", "multline", "multlined", "displaymath", "math":
		g.align = "c"
		if len(g.rows) == 1 && len(g.rows[0]) == 1 {
			return g.rows[0][0], nil
		}
		n = g
	default:
		return nil, ErrSource
	}
	if len(g.rows) == 0 {
		return row{}, nil
	}
	return n, nil
}

// columnsOf parses the columns of an array: "cc|c".
func columnsOf(spec string) (align string, bars []int) {
	for spec != "" {
		c := spec[0]
		spec = spec[1:]
		switch c {
		case 'l', 'c', 'r':
			align += string(c)
		case '|', ':':
			if !slices.Contains(bars, len(align)) {
				bars = append(bars, len(align))
			}
		case 'p', 'm', 'b': // a width follows
			align += "l"
			spec = strings.TrimLeft(spec, "0123456789. ")
			spec = spec[min(2, len(spec)):]
		case '*': // *{3}{c}
			if n := strings.IndexByte("0123456789", (spec + " ")[0]); n > 0 && len(spec) > 1 {
				spec = strings.Repeat(spec[1:2], n) + spec[2:]
			}
		}
	}
	if align == "" {
		align = "c"
	}
	return align, bars
}
