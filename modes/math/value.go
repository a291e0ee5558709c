package math

import (
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/bise-sh/bise/tex"
)

// A Value is the parsed meaning of an answer, for comparison.
type Value struct {
	kind  kind
	text  string     // words: normalized text
	x     expression // formula
	unit  string     // formula: cm, %, $; may be empty
	left  string     // tuple or interval: its brackets
	right string
	op    string // relation: =, <, ≤, ≠
	items []Value
	width int // matrix: number of columns
	round int // decimal number: digits after the point; otherwise 0
}

type kind int

const (
	words    kind = iota
	formula       // a number or an expression
	tuple         // in order: a point, an interval
	set           // in no order: roots, {1, 2}, a union
	matrix        // row by row
	relation      // two sides: an equation, an inequality
)

// plainSymbols are commands by the characters that this package uses for them; "":
// the command only changes how the formula looks.
var plainSymbols = map[string]string{
	`\left`: "", `\right`: "", `\displaystyle`: "", `\!`: "", `\(`: "", `\)`: "", `\[`: "", `\]`: "",
	`\,`: " ", `\;`: " ", `\:`: " ", `\ `: " ", "~": " ", `\quad`: " ", `\qquad`: " ",
	`\le`: "≤", `\leq`: "≤", `\leqslant`: "≤", `\ge`: "≥", `\geq`: "≥", `\geqslant`: "≥", `\ne`: "≠", `\neq`: "≠", `\lt`: "<", `\gt`: ">",
	`\approx`: "=", "≈": "=", `\simeq`: "=", `\emptyset`: "∅", `\varnothing`: "∅", `\in`: "∈", `\cup`: "∪", `\pm`: "±", `\infty`: "∞", `\degree`: "°", `\$`: "＄", `\%`: "%",
	"½": `\frac12`, "⅓": `\frac13`, "⅔": `\frac23`, "¼": `\frac14`, "¾": `\frac34`, "⅕": `\frac15`, "⅛": `\frac18`, "⅜": `\frac38`, "⅝": `\frac58`, "⅞": `\frac78`,
	`\{`: "｛", `\}`: "｝", `\lbrace`: "｛", `\rbrace`: "｝", `\langle`: "(", `\rangle`: ")",
}

// plainPhrases are what several tokens stand for.
var plainPhrases = strings.NewReplacer("$$", "", "**", "", `^\circ`, "°", `^{\circ}`, "°", `\text{ or }`, " or ", `\text{ and }`, " and ", `\text{or}`, " or ", `\text{and}`, " and ", `\text{＄}`, "＄")

// simplify replaces commands by plain characters.
func simplify(s string) string {
	var b strings.Builder
	for s != "" {
		t := tex.Next(s)
		s = s[len(t):]
		if plain, ok := plainSymbols[t]; ok {
			t = plain
		}
		b.WriteString(t)
	}
	return plainPhrases.Replace(b.String())
}

// Parse parses an answer. Text that is not mathematics becomes a value of words.
func Parse(answer string) Value {
	s := strings.TrimSpace(answer)
	if len(s) > maxExpression {
		return wordsOf(s[:maxExpression])
	}
	s = strings.TrimRight(strings.TrimLeft(simplify(s), " ;:\n"), " .,;:\n")
	s = inline.ReplaceAllString(s, "$1$2")
	return parseValue(strings.TrimSpace(s), 0)
}

func parseValue(s string, depth int) Value {
	if depth > 8 || s == "" {
		return wordsOf(s)
	}
	for _, command := range []string{`\text{`, `\textbf{`, `\textit{`, `\textrm{`, `\mathbf{`, `\mathrm{`, `\mbox{`, `\boxed{`} {
		if in, ok := wrapped(s, command); ok {
			return parseValue(strings.TrimSpace(in), depth+1)
		}
	}
	if onlyWords.MatchString(s) && !or.MatchString(s) {
		return wordsOf(s)
	}
	if v, ok := parseMatrix(s, depth); ok {
		return v
	}
	if _, after, ok := strings.Cut(s, "∈"); ok {
		return parseValue(strings.TrimSpace(after), depth+1)
	}
	if s == `\mathbb{R}` || s == "ℝ" {
		return Value{kind: tuple, left: "(", right: ")", items: []Value{infinite(true), infinite(false)}}
	}
	if in, ok := between(s, "｛", "｝"); ok {
		if strings.TrimSpace(in) == "" {
			return wordsOf("∅")
		}
		if m := condition.FindStringSubmatch(in); m != nil {
			return parseValue(strings.TrimSpace(m[1]), depth+1)
		}
		return listOf(Value{kind: set}, split(in, ",;"), depth)
	}
	if in, ok := between(s, "{", "}"); ok && len(split(in, ",;")) > 1 {
		return listOf(Value{kind: set}, split(in, ",;"), depth)
	}
	if parts := split(s, "∪"); len(parts) > 1 {
		return listOf(Value{kind: set}, parts, depth)
	}
	if v, ok := parseTuple(s, depth); ok {
		return v
	}
	if parts := alternatives(s); len(parts) > 1 {
		if v, ok := assignments(parts, depth); ok {
			return v
		}
		return listOf(Value{kind: set}, parts, depth)
	}
	if v, ok := parseRelation(s, depth); ok {
		return v
	}
	if strings.Contains(s, "±") {
		return Value{kind: set, items: []Value{
			parseValue(strings.ReplaceAll(s, "±", "+"), depth+1), parseValue(strings.ReplaceAll(s, "±", "-"), depth+1),
		}}.sorted()
	}
	if v, ok := parseFormula(s); ok {
		return v
	}
	return wordsOf(s)
}

// condition matches the inside of a set that is given by a condition: x | x > 3.
var condition = regexp.MustCompile(`^\s*\pL\s*(?:\\mid|\||:)\s*(.+)$`)

// onlyWords matches an answer in words, such as "yes" or "no solution". A single letter
// may be a variable.
var onlyWords = regexp.MustCompile(`^[\pL][\pL' -]+$`)

// HasWords reports whether a part of the value is not mathematics.
func (v Value) HasWords() bool {
	return v.kind == words || slices.ContainsFunc(v.items, Value.HasWords)
}

// wordsOf normalizes case, space and punctuation.
func wordsOf(s string) Value {
	return Value{kind: words, text: strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(".,;:!?$", r) }), " ")}
}

func listOf(v Value, parts []string, depth int) Value {
	for _, p := range parts {
		v.items = append(v.items, parseValue(strings.TrimSpace(p), depth+1))
	}
	if v.kind == set {
		return v.sorted()
	}
	return v
}

// sorted removes duplicate items from a set.
func (v Value) sorted() Value {
	var items []Value
	for _, i := range v.items {
		duplicate := false
		for _, k := range items {
			duplicate = duplicate || Equal(i, k)
		}
		if !duplicate {
			items = append(items, i)
		}
	}
	if len(items) == 1 && items[0].kind != tuple {
		return items[0]
	}
	v.items = items
	return v
}

// wrapped returns the argument of a command that spans the whole text.
func wrapped(s, command string) (string, bool) {
	if !strings.HasPrefix(s, command) {
		return "", false
	}
	in, rest, ok := tex.Group(s[len(command):])
	return in, ok && strings.TrimSpace(rest) == ""
}

// between returns the text between two delimiters that enclose all of s.
func between(s, left, right string) (string, bool) {
	if !strings.HasPrefix(s, left) || !strings.HasSuffix(s, right) {
		return "", false
	}
	in := s[len(left) : len(s)-len(right)]
	return in, !strings.Contains(in, right)
}

// split splits a text at marks outside brackets. It ignores commas within numbers.
func split(s, marks string) []string {
	var parts []string
	depth, from := 0, 0
	for i, r := range s {
		switch {
		case strings.ContainsRune("([{｛", r):
			depth++
		case strings.ContainsRune(")]}｝", r):
			depth--
		case depth == 0 && strings.ContainsRune(marks, r) && !(r == ',' && groups(s, i)):
			parts = append(parts, s[from:i])
			from = i + len(string(r))
		}
	}
	return append(parts, s[from:])
}

// groups reports whether the comma at i groups the digits of a number.
func groups(s string, i int) bool {
	before := 0
	for before < i && before < 4 && '0' <= s[i-1-before] && s[i-1-before] <= '9' {
		before++
	}
	return before >= 1 && before <= 3 && digits(s[i+1:]) == 3
}

var or = regexp.MustCompile(`\s+(?:or|and)\s+|[,;]\s*(?:or|and)\s+`)

// alternatives splits several answers: x = 2 or x = 3.
func alternatives(s string) []string {
	var parts []string
	for _, p := range split(or.ReplaceAllString(s, ";"), ",;") {
		if strings.TrimSpace(p) != "" {
			parts = append(parts, p)
		}
	}
	return parts
}

var assignment = regexp.MustCompile(`^\s*([a-zA-Z]|\\[a-z]+)\s*=([^=]*)$`)

// assignments parses values of different variables, the solution of a system, as the tuple of
// the values in the order of the names: x = 1, y = 2 is (1, 2).
func assignments(parts []string, depth int) (Value, bool) {
	values := map[string]string{}
	for _, p := range parts {
		m := assignment.FindStringSubmatch(p)
		if m == nil || values[m[1]] != "" {
			return Value{}, false
		}
		values[m[1]] = m[2]
	}
	v := Value{kind: tuple, left: "(", right: ")"}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v.items = append(v.items, parseValue(strings.TrimSpace(values[name]), depth+1))
	}
	return v, true
}

func parseTuple(s string, depth int) (Value, bool) {
	if len(s) < 3 || !strings.ContainsAny(s[:1], "([") || !strings.ContainsAny(s[len(s)-1:], ")]") {
		return Value{}, false
	}
	in := s[1 : len(s)-1]
	level := 0
	for _, r := range in {
		switch {
		case strings.ContainsRune("([", r):
			level++
		case strings.ContainsRune(")]", r):
			if level--; level < 0 {
				return Value{}, false // (1)(2)
			}
		}
	}
	parts := split(in, ",;")
	if len(parts) < 2 {
		return Value{}, false
	}
	return listOf(Value{kind: tuple, left: s[:1], right: s[len(s)-1:]}, parts, depth), true
}

var matrixForm = regexp.MustCompile(`(?s)^[\[(]?\s*\\begin\{([pbvB]?matrix|array)\}(?:\{[lcr|]*\})?(.*)\\end\{(?:[pbvB]?matrix|array)\}\s*[\])]?$`)

func parseMatrix(s string, depth int) (Value, bool) {
	m := matrixForm.FindStringSubmatch(s)
	if m == nil {
		return Value{}, false
	}
	v := Value{kind: matrix}
	for _, row := range strings.Split(m[2], `\\`) {
		if strings.TrimSpace(row) == "" {
			continue
		}
		cells := strings.Split(row, "&")
		v.width = max(v.width, len(cells))
		for _, c := range cells {
			v.items = append(v.items, parseValue(strings.TrimSpace(c), depth+1))
		}
	}
	return v, true
}

var (
	assigned = regexp.MustCompile(`^\s*(?:\\text\{[^{}]*\}|\\?[a-zA-Z]+(?:_\{?\w+\}?)?|[a-zA-Z]?\(\w(?:,\s*\w)*\))\s*$`)
	compared = regexp.MustCompile(`[=<>≤≥≠]`)
)

// parseRelation parses equations and inequalities. An assignment or a calculation becomes its
// value: x = 7 and 3 + 4 = 7 are 7. A range of one variable becomes an interval.
func parseRelation(s string, depth int) (Value, bool) {
	at := compared.FindAllStringIndex(s, -1)
	if len(at) == 0 {
		return Value{}, false
	}
	var sides, ops []string
	from := 0
	for _, i := range at {
		sides, ops = append(sides, strings.TrimSpace(s[from:i[0]])), append(ops, s[i[0]:i[1]])
		from = i[1]
	}
	sides = append(sides, strings.TrimSpace(s[from:]))
	if ops[len(ops)-1] == "=" && (len(sides) > 2 || assigned.MatchString(sides[0])) {
		v := parseValue(sides[len(sides)-1], depth+1)
		name, err := parseExpression(sides[0])
		if _, ok := name.(variable); ok && err == nil && len(sides) == 2 && v.kind == formula && len(variables(v.x, nil)) > 0 {
			return Value{kind: relation, op: "=", items: []Value{{kind: formula, x: name}, v}}, true // a line: y = 2x + 1
		}
		return v, true
	}
	if v, ok := interval(sides, ops); ok {
		return v, true
	}
	if len(sides) != 2 {
		return Value{}, false
	}
	v := Value{kind: relation, op: ops[0], items: []Value{parseValue(sides[0], depth+1), parseValue(sides[1], depth+1)}}
	if v.op == "=" && v.items[0].kind == words && v.items[1].kind == formula {
		return v.items[1], true // 3 hours + 9 hours = 12 hours
	}
	if v.items[0].kind != formula || v.items[1].kind != formula {
		return Value{}, false
	}
	if v.op == "=" && len(variables(v.items[0].x, nil)) == 0 && len(variables(v.items[1].x, nil)) == 0 {
		return v.items[1], true
	}
	if v.op == ">" || v.op == "≥" {
		v.op = map[string]string{">": "<", "≥": "≤"}[v.op]
		v.items[0], v.items[1] = v.items[1], v.items[0]
	}
	return v, true
}

func infinite(minus bool) Value {
	v := Value{kind: formula, x: constant("∞")}
	if minus {
		v.x = negation{v.x}
	}
	return v
}

// interval converts inequalities such as 1 < x ≤ 2, x > 3 or 3 ≥ x to an interval.
func interval(sides, ops []string) (Value, bool) {
	bound := func(s string) (Value, bool) {
		v, ok := parseFormula(s)
		return v, ok && len(variables(v.x, nil)) == 0
	}
	name := func(s string) bool { return assigned.MatchString(s) }
	bracket := func(op, open, closed string) string {
		if op == "≤" || op == "≥" {
			return closed
		}
		return open
	}
	less := func(op string) bool { return op == "<" || op == "≤" }
	more := func(op string) bool { return op == ">" || op == "≥" }
	v := Value{kind: tuple}
	switch {
	case len(sides) == 3 && name(sides[1]) && less(ops[0]) && less(ops[1]):
		a, ok := bound(sides[0])
		b, ok2 := bound(sides[2])
		v.items, v.left, v.right = []Value{a, b}, bracket(ops[0], "(", "["), bracket(ops[1], ")", "]")
		return v, ok && ok2
	case len(sides) != 2:
		return v, false
	case name(sides[1]) && !name(sides[0]): // 3 ≥ x
		sides = []string{sides[1], sides[0]}
		ops = []string{map[string]string{"<": ">", ">": "<", "≤": "≥", "≥": "≤"}[ops[0]]}
	case !name(sides[0]):
		return v, false
	}
	b, ok := bound(sides[1])
	switch {
	case ok && less(ops[0]):
		v.items, v.left, v.right = []Value{infinite(true), b}, "(", bracket(ops[0], ")", "]")
	case ok && more(ops[0]):
		v.items, v.left, v.right = []Value{b, infinite(false)}, bracket(ops[0], "(", "["), ")"
	default:
		return v, false
	}
	return v, true
}

// inline is an answer that begins with a formula between dollars.
var inline = regexp.MustCompile(`^\$([^$]+)\$([^$]*)$`)

var (
	unitAfter  = regexp.MustCompile(`^(?:(.*\S)\s*([°%])\s*(?:\\text\{[CF]\}|[CF])?|(.*\S)\s*\\(?:text|mathrm|textrm|mbox)\{\s*([^{}]*)\}|(.*[\d)}])\s+([A-Za-zµ°²³/]{2,}(?:\s[A-Za-z]{2,}){0,2}|[mgsLJNWVAK]))(\^\{?[23]\}?|[²³])?$`)
	scientific = regexp.MustCompile(`^([-−+]?[\d.]+)[eE]([-+]?\d{1,3})$`)
	decimal    = regexp.MustCompile(`^[-−+]?[\d,]*\.(\d+)$`)
	currency   = regexp.MustCompile(`^([-−+]?)\s*([＄$€£])\s*(.*)$`)
	grouped    = regexp.MustCompile(`\b\d{1,3}(?:[ \x{a0}\x{202f}]\d{3})+\b`)
	mixed      = regexp.MustCompile(`\b(\d+) +(\d+)/(\d+)\b`)
)

// parseFormula parses a number or an expression with an optional unit.
func parseFormula(s string) (Value, bool) {
	v := Value{kind: formula}
	s = strings.TrimSpace(s)
	if m := currency.FindStringSubmatch(s); m != nil {
		v.unit, s = strings.Replace(m[2], "＄", "$", 1), m[1]+m[3]
	}
	s = grouped.ReplaceAllStringFunc(s, func(n string) string { return strings.Join(strings.Fields(n), "") })
	s = mixed.ReplaceAllString(s, `$1\frac{$2}{$3}`)
	s = strings.TrimSuffix(s, "$")
	if m := scientific.FindStringSubmatch(s); m != nil {
		if r, ok := new(big.Rat).SetString(strings.Replace(m[1], "−", "-", 1) + "e" + m[2]); ok {
			v.x = number{r}
			return v, true
		}
	}
	if m := decimal.FindStringSubmatch(s); m != nil {
		v.round = len(m[1])
	}
	if m := unitAfter.FindStringSubmatch(s); m != nil {
		of := m[1] + m[3] + m[5]
		if e, err := parseExpression(of); err == nil {
			if d := decimal.FindStringSubmatch(strings.TrimSpace(of)); d != nil {
				v.round = len(d[1])
			}
			v.x, v.unit = e, unitOf(m[2]+m[4]+m[6]+m[7])
			return v, true
		}
	}
	if hasProse(s) {
		return v, false
	}
	e, err := parseExpression(s)
	v.x = e
	return v, err == nil
}

var letters = regexp.MustCompile(`\\?[A-Za-z]{4,}`)

// hasProse reports whether a text has words, whose letters are not a product of variables.
func hasProse(s string) bool {
	return slices.ContainsFunc(letters.FindAllString(s, -1), func(w string) bool { return w[0] != '\\' && !functions[w] })
}

// percent is the unit of percentages.
const percent = "percent"

// unitOf normalizes the spelling of a unit.
func unitOf(s string) string {
	s = strings.NewReplacer("^", "", "{", "", "}", "", "²", "2", "³", "3", "°", "degree", "%", percent).Replace(strings.ToLower(strings.TrimSpace(s)))
	s = strings.Join(strings.Fields(s), " ")
	if long, ok := map[string]string{
		"centimeters": "cm", "centimeter": "cm", "meters": "m", "meter": "m", "metres": "m", "kilometers": "km", "kilometer": "km", "seconds": "s", "second": "s", "sec": "s",
		"minutes": "min", "minute": "min", "hours": "h", "hour": "h", "hr": "h", "hrs": "h", "inches": "in", "inch": "in", "feet": "ft", "foot": "ft", "miles": "mi", "mile": "mi", "pounds": "lb", "pound": "lb", "kilograms": "kg", "kilogram": "kg", "grams": "g", "gram": "g", "dollars": "$", "dollar": "$", "degrees": "degree",
		"square centimeters": "cm2", "square meters": "m2", "cubic centimeters": "cm3", "cubic meters": "m3",
	}[s]; ok {
		return long
	}
	return strings.TrimSuffix(s, "s")
}
