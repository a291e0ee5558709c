package latex

import (
	"slices"
	"strings"
)

// atom parses one part. It is nil for commands that draw nothing.
func (p *parser) atom() (node, error) {
	t := string(p.next())
	switch t {
	case "{":
		return p.group()
	case "$":
		return nil, ErrSource
	case `\text`, `\textrm`, `\textbf`, `\textit`, `\texttt`, `\textsf`, `\mbox`, `\hbox`, `\textnormal`, `\emph`:
		s, err := p.word()
		return symbol{text: s}, err
	case `\operatorname`, `\operatorname*`, `\mathop`:
		s, err := p.word()
		return symbol{text: s, kind: operator, limits: t != `\operatorname`}, err
	case `\label`, `\tag*`, `\hspace`, `\hspace*`, `\vspace`, `\color`, `\phantom`, `\hphantom`, `\vphantom`, `\ref`:
		if t == `\hspace` {
			_, err := p.word()
			return space(1), err
		}
		_, err := p.word()
		return nil, err
	case `\tag`:
		s, err := p.word()
		return row{space(4), symbol{text: "(" + s + ")"}}, err
	case `\textcolor`, `\colorbox`, `\class`, `\style`, `\href`:
		if _, err := p.word(); err != nil {
			return nil, err
		}
		return p.argument()
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
	case `\xrightarrow`, `\xleftarrow`:
		var below node
		if p.take("[") {
			var err error
			if below, err = p.bracket(); err != nil {
				return nil, err
			}
		}
		above, err := p.argument()
		arrow := "⟶"
		if t == `\xleftarrow` {
			arrow = "⟵"
		}
		return stack{base: symbol{text: arrow, kind: relation}, above: above, below: below, kind: relation}, err
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
			return nil, ErrSource
		}
		if stroked, ok := negated[s.text]; ok {
			s.text = stroked
		} else {
			s.text += "\u0338"
		}
		return s, nil
	case `\cancel`, `\bcancel`, `\xcancel`:
		body, err := p.argument()
		return body, err
	case `\bmod`, `\mod`:
		return symbol{text: "mod", kind: binary}, nil
	case `\pmod`, `\pod`:
		body, err := p.argument()
		return row{space(1), fence{left: "(", right: ")", body: row{symbol{text: "mod", kind: operator}, body}}}, err
	case `\middle`:
		return nil, ErrSource
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
	switch t {
	case "+":
		return symbol{text: "+", kind: binary}
	case "-", "−":
		return symbol{text: "−", kind: binary}
	case "*":
		return symbol{text: "∗", kind: binary}
	case "×", "÷", "·", "±", "∓", "∪", "∩", "∧", "∨", "⊕", "⊗":
		return symbol{text: t, kind: binary}
	case "=", "<", ">", ":", "≤", "≥", "≠", "≈", "≡", "∈", "∉", "⊂", "⊆", "→", "⇒", "⇔", "⟹", "∼", "↦":
		return symbol{text: t, kind: relation}
	case "(", "[":
		return symbol{text: t, kind: opening}
	case ")", "]":
		return symbol{text: t, kind: closing}
	case ",", ";":
		// Within a number it groups digits: 1,000.
		return symbol{text: t, kind: punctuation}
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
	if kind == "array" || kind == "alignedat" || kind == "alignat" || kind == "tabular" {
		if columns, err = p.word(); err != nil {
			return nil, err
		}
	} else if p.peek() == "[" { // aligned[t]
		p.lineSpace()
	}
	var first []int
	for p.take(`\hline`) {
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
	g.align, g.gap = "c", 2
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
	case "rcases":
		g.align = "l"
		n = fence{right: "}", body: g}
	case "array", "tabular":
		g.align, g.bars = columnsOf(columns)
		n = g
	case "aligned", "align", "split", "eqnarray", "alignedat", "alignat", "flalign":
		g.align, g.gap, g.paired = "rl", 3, true
		if kind == "eqnarray" {
			g.align, g.gap, g.paired = "rcl", 1, false
		}
		n = g
	case "gather", "gathered", "equation", "multline", "displaymath", "math":
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
	for _, c := range spec {
		switch c {
		case 'l', 'c', 'r':
			align += string(c)
		case '|':
			if !slices.Contains(bars, len(align)) {
				bars = append(bars, len(align))
			}
		}
	}
	if align == "" {
		align = "c"
	}
	return align, bars
}
