package math

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/tex"
)

// A Check is the result of verifying an answer by computation.
type Check struct {
	OK   bool
	Text string // the computation, on one line: "2·7 − 3 = 11"
}

// verify verifies an answer by computation. It substitutes roots in the equations of
// the problem, evaluates an expression, and compares the results of simplification,
// expansion, differentiation and integration numerically. For a word problem it uses
// the equations in the solution. ok is false if the answer cannot be verified.
func verify(problem, solution string, a Answer) (Check, bool) {
	if a.How == None || len(problem) > 20_000 {
		return Check{}, false
	}
	for _, try := range []func(string, Value) (Check, bool){byTask, byCounting} {
		if c, ok := try(problem, a.Value); ok {
			return c, true
		}
	}
	if c, ok := bySubstitution(problem, a, true); ok {
		return c, true
	}
	return bySubstitution(solution, a, false)
}

// task matches a problem that asks for one operation on one expression.
var task = regexp.MustCompile(`(?is)^\s*(?:please\s+)?(what is|what's|compute|calculate|evaluate|find the value of|how much is|simplify|expand|factori[sz]e|factor|differentiate|(?:find |compute |what is )?the derivative of|find the derivative of|integrate|find the (?:definite )?integral|simplify the expression|expand the expression|factor the expression)(?: the (?:expression|value of|product|following|sum))?:?\s+(.+?)\s*[.?!]?\s*$`)

var integral = regexp.MustCompile(`^\\int(?:\\limits)?_(\{[^{}]*\}|\S)\s*\^\s*(\{[^{}]*\}|\S)\s*(.+?)(?:\\,|\\;|\s)*\\?(?:mathrm\{d\}|d)\s*([a-z])$`)

func byTask(problem string, v Value) (Check, bool) {
	m := task.FindStringSubmatch(problem)
	if m == nil || v.kind != formula {
		return Check{}, false
	}
	verb, text := strings.ToLower(m[1]), bare(m[2])
	if text == m[2] && slices.ContainsFunc(strings.Fields(text), func(w string) bool { return !mathematical(w) }) {
		return Check{}, false // a word problem
	}
	if i := integral.FindStringSubmatch(text); i != nil {
		return byIntegrating(i, v)
	}
	e, err := parseExpression(text)
	if err != nil {
		return Check{}, false
	}
	names := variables(e, nil)
	if strings.Contains(verb, "deriv") || strings.Contains(verb, "differ") {
		return byDifferentiating(e, v, names)
	}
	if strings.Contains(verb, "integ") {
		return Check{}, false // the answer may have any constant
	}
	if len(names) == 0 {
		if isNumber(e) {
			return Check{}, false
		}
		x, y := at(e, nil), at(v.x, nil)
		if math.IsNaN(x) || math.IsNaN(y) {
			return Check{}, false
		}
		if equalFormulas(Value{x: e}, Value{x: v.x, round: v.round}) {
			return Check{OK: true, Text: write(e) + " = " + write(v.x)}, true
		}
		return Check{Text: fmt.Sprintf("%s is %s, not %s", write(e), valueOf(e), write(v.x))}, true
	}
	if !sameNames(names, variables(v.x, nil)) && len(variables(v.x, nil)) > 0 {
		return Check{}, false
	}
	if same := agree(e, v.x, names); same {
		return Check{OK: true, Text: "both sides are equal at 16 points"}, true
	}
	return Check{Text: fmt.Sprintf("%s is not %s everywhere", write(e), write(v.x))}, true
}

// bare removes the delimiters of a formula.
func bare(s string) string {
	s = strings.TrimSpace(s)
	for _, m := range [][2]string{{"$$", "$$"}, {"$", "$"}, {`\(`, `\)`}, {`\[`, `\]`}} {
		if in, ok := between(s, m[0], m[1]); ok {
			return strings.TrimSpace(in)
		}
	}
	return s
}

func sameNames(a, b map[string]bool) bool {
	for n := range b {
		if !a[n] {
			return false
		}
	}
	return true
}

// agree reports whether two expressions are equal at sample points. It ignores points
// where one of them is undefined.
func agree(a, b expression, names map[string]bool) bool {
	known := 0
	for place := range places(names) {
		x, y := at(a, place), at(b, place)
		if math.IsNaN(x) || math.IsNaN(y) {
			continue
		}
		if !near(x, y) && math.Abs(x-y) > 1e-6*(1+math.Abs(x)+math.Abs(y)) {
			return false
		}
		known++
	}
	return known >= 4
}

// byDifferentiating verifies a derivative against difference quotients.
func byDifferentiating(e expression, v Value, names map[string]bool) (Check, bool) {
	if len(names) != 1 {
		return Check{}, false
	}
	const h = 1e-5
	known := 0
	for place := range places(names) {
		var name string
		for name = range names {
		}
		x := place[name]
		slope := (at(e, map[string]float64{name: x + h}) - at(e, map[string]float64{name: x - h})) / (2 * h)
		y := at(v.x, place)
		if math.IsNaN(slope) || math.IsInf(slope, 0) || math.IsNaN(y) {
			continue
		}
		if math.Abs(slope-y) > 1e-4*(1+math.Abs(slope)+math.Abs(y)) {
			return Check{Text: fmt.Sprintf("the slope of %s at %s = %.4g is %.4g, not %.4g", write(e), name, x, slope, y)}, true
		}
		known++
	}
	return Check{OK: true, Text: fmt.Sprintf("it is the slope of %s at %d points", write(e), known)}, known >= 4
}

// byIntegrating verifies a definite integral with Simpson's rule.
func byIntegrating(m []string, v Value) (Check, bool) {
	from, err := parseExpression(m[1])
	if err != nil {
		return Check{}, false
	}
	to, err := parseExpression(m[2])
	if err != nil {
		return Check{}, false
	}
	f, err := parseExpression(m[3])
	if err != nil {
		return Check{}, false
	}
	a, b := at(from, nil), at(to, nil)
	const n = 2000
	sum := 0.0
	for i := range n + 1 {
		w := 2.0 + 2*float64(i%2)
		if i == 0 || i == n {
			w = 1
		}
		sum += w * at(f, map[string]float64{m[4]: a + (b-a)*float64(i)/n})
	}
	sum *= (b - a) / n / 3
	y := at(v.x, nil)
	if math.IsNaN(sum) || math.IsInf(sum, 0) || math.IsNaN(y) {
		return Check{}, false
	}
	if math.Abs(sum-y) > 1e-5*(1+math.Abs(y)) {
		return Check{Text: fmt.Sprintf("the integral is about %.6g, not %s", sum, write(v.x))}, true
	}
	return Check{OK: true, Text: fmt.Sprintf("the integral is about %.6g", sum)}, true
}

// bySubstitution substitutes the answer in the equations of a text that have one
// variable. With strict, all of them must hold; otherwise one is enough, because the
// other equations of a solution are intermediate steps.
func bySubstitution(text string, a Answer, strict bool) (Check, bool) {
	roots := a.Value.items
	if a.Value.kind == formula {
		roots = []Value{a.Value}
	} else if a.Value.kind != set {
		return Check{}, false
	}
	for _, r := range roots {
		if r.kind != formula || len(variables(r.x, nil)) > 0 || math.IsInf(at(r.x, nil), 0) {
			return Check{}, false
		}
	}
	var first Check
	found := false
	for _, e := range equations(text) {
		names := variables(operation{'-', e[0], e[1]}, nil)
		if len(names) != 1 || trivial(e) {
			continue
		}
		var name string
		for name = range names {
		}
		c := Check{OK: true}
		for _, r := range roots {
			left, right := substitute(e[0], name, r.x), substitute(e[1], name, r.x)
			x, y := at(left, nil), at(right, nil)
			if math.IsNaN(x) || math.IsNaN(y) {
				c = Check{Text: fmt.Sprintf("%s = %s is undefined", write(left), write(right))}
				break
			}
			if math.Abs(x-y) > 1e-6*(1+math.Abs(x)+math.Abs(y)) && (a.Value.round == 0 || math.Abs(x-y) > 1e-2*(1+math.Abs(x))) {
				c = Check{Text: fmt.Sprintf("%s is %s, not %s", write(left), valueOf(left), valueOf(right))}
				break
			}
			if c.Text == "" {
				c.Text = write(left) + " = " + write(right)
			}
		}
		switch {
		case strict && !c.OK:
			return c, true
		case c.OK && !found:
			first, found = c, true
		}
	}
	return first, found
}

// trivial reports whether an equation only assigns a value to a variable.
func trivial(e [2]expression) bool {
	_, left := e[0].(variable)
	_, right := e[1].(variable)
	return left && len(variables(e[1], nil)) == 0 || right && len(variables(e[0], nil)) == 0
}

// valueOf formats the value of an expression.
func valueOf(e expression) string {
	if r, ok := exact(e); ok {
		return write(number{r})
	}
	return fmt.Sprintf("%.6g", at(e, nil))
}

// steps matches separators between equations.
var steps = regexp.MustCompile(`\\\\|\\(?:implies|Rightarrow|Longrightarrow|iff|Leftrightarrow|quad|qquad|text\{[^{}]*\})|[⟹⇒⇔⟺]`)

// maxEquations limits the equations that are extracted from a text.
const maxEquations = 200

// equations extracts the equations in a text, from formulas and from sequences of words
// that look like mathematics.
func equations(text string) [][2]expression {
	var found [][2]expression
	add := func(s string) {
		for _, line := range steps.Split(s, -1) {
			var left expression
			for i, side := range strings.Split(strings.ReplaceAll(line, "&", ""), "=") {
				right, err := parseExpression(strings.TrimRight(strings.TrimSpace(side), ".,;"))
				if err != nil {
					right = nil
				}
				if i > 0 && left != nil && right != nil && len(found) < maxEquations {
					found = append(found, [2]expression{left, right})
				}
				left = right // a = b = c is two equations
			}
		}
	}
	rest := displayed.ReplaceAllStringFunc(text, func(m string) string {
		s := bare(m)
		for _, env := range []string{`\begin{aligned}`, `\end{aligned}`, `\begin{align*}`, `\end{align*}`} {
			s = strings.ReplaceAll(s, env, "")
		}
		add(s)
		return "\n"
	})
	for line := range strings.Lines(rest) {
		var run []string
		for _, w := range append(strings.Fields(line), "end") {
			if mathematical(w) {
				run = append(run, strings.TrimRight(w, ".,;:?!"))
				if strings.ContainsAny(w[len(w)-1:], ".,;:?!") { // a sentence ends
					add(strings.Join(run, " "))
					run = nil
				}
				continue
			}
			if len(run) > 0 {
				add(strings.Join(run, " "))
				run = nil
			}
		}
	}
	return found
}

// mathematical reports whether a word can be part of a formula: it has at most two
// consecutive letters outside functions and commands, and is not an English word.
func mathematical(w string) bool {
	letters, other := 0, false
	for w != "" {
		t := raw(w)
		w = w[len(t):]
		switch {
		case functions[t] || len(t) > 1 && t[0] == '\\':
			letters, other = 0, true
		case tex.IsLetter(t[0]):
			if letters++; letters > 2 || !other && (w == "" && (letters == 2 || strings.Contains("aAI", t))) {
				return false
			}
		case strings.ContainsAny(t[:1], "@#&_\"'<>%") || t[0] == '\\':
			return false
		default:
			letters, other = 0, other || !strings.Contains(".,;:?!", t)
		}
	}
	return true
}

// counted has the problems about integers that can be computed directly.
var counted = []struct {
	problem *regexp.Regexp
	compute func([]string) (*big.Int, string, bool)
}{
	{regexp.MustCompile(`(?i)remainder\s+(?:when|of)\s+(.+?)\s+(?:is divided|divided)\s+by\s+\$?(\d{1,18})`), remainder},
	{regexp.MustCompile(`(?i)(?:greatest common (?:divisor|factor)|gcd|highest common factor)\s+of\s+\$?(\d{1,18})\$?\s+and\s+\$?(\d{1,18})`), func(m []string) (*big.Int, string, bool) {
		return new(big.Int).GCD(nil, nil, integer(m[1]), integer(m[2])), "gcd(" + m[1] + ", " + m[2] + ")", true
	}},
	{regexp.MustCompile(`(?i)(?:least common multiple|lcm|lowest common multiple)\s+of\s+\$?(\d{1,9})\$?\s+and\s+\$?(\d{1,9})`), func(m []string) (*big.Int, string, bool) {
		a, b := integer(m[1]), integer(m[2])
		if a.Sign() == 0 || b.Sign() == 0 {
			return nil, "", false
		}
		g := new(big.Int).GCD(nil, nil, a, b)
		return new(big.Int).Div(new(big.Int).Mul(a, b), g), "lcm(" + m[1] + ", " + m[2] + ")", true
	}},
	{regexp.MustCompile(`(?i)how many (?:positive )?(?:divisors|factors)\s+does\s+(?:the number )?\$?(\d{1,7})\$?\s+have`), func(m []string) (*big.Int, string, bool) {
		return divisors(m[1], func(int64) int64 { return 1 }, "the number of divisors of ")
	}},
	{regexp.MustCompile(`(?i)sum of (?:all )?(?:the )?(?:positive )?(?:divisors|factors) of\s+\$?(\d{1,7})`), func(m []string) (*big.Int, string, bool) {
		return divisors(m[1], func(d int64) int64 { return d }, "the sum of the divisors of ")
	}},
	{regexp.MustCompile(`(?i)how many (?:prime numbers|primes)\s+are\s+(?:there\s+)?(?:less than|below|smaller than)\s+\$?(\d{1,5})\b`), func(m []string) (*big.Int, string, bool) {
		n := int64(0)
		for p := int64(2); p < integer(m[1]).Int64(); p++ {
			if big.NewInt(p).ProbablyPrime(0) { // exact below 2⁶⁴
				n++
			}
		}
		return big.NewInt(n), "the number of primes below " + m[1], true
	}},
}

func byCounting(problem string, v Value) (Check, bool) {
	if v.kind != formula {
		return Check{}, false
	}
	said, ok := exact(v.x)
	if !ok {
		return Check{}, false
	}
	for _, c := range counted {
		m := c.problem.FindStringSubmatch(problem)
		if m == nil {
			continue
		}
		n, text, ok := c.compute(m)
		if !ok {
			continue
		}
		if said.IsInt() && said.Num().Cmp(n) == 0 {
			return Check{OK: true, Text: text + " is " + n.String()}, true
		}
		return Check{Text: fmt.Sprintf("%s is %s, not %s", text, n, write(v.x))}, true
	}
	return Check{}, false
}

// integer parses digits.
func integer(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}

func remainder(m []string) (*big.Int, string, bool) {
	e, err := parseExpression(bare(m[1]))
	by := integer(strings.Trim(m[2], "$"))
	if err != nil || by.Sign() == 0 {
		return nil, "", false
	}
	if p, ok := e.(operation); ok && p.op == '^' { // use modular exponentiation
		a, ok := exact(p.a)
		b, ok2 := exact(p.b)
		if ok && ok2 && a.IsInt() && b.IsInt() && b.Sign() >= 0 {
			return new(big.Int).Exp(a.Num(), b.Num(), by), write(e) + " mod " + by.String(), true
		}
		return nil, "", false
	}
	r, ok := exact(e)
	if !ok || !r.IsInt() {
		return nil, "", false
	}
	return new(big.Int).Mod(r.Num(), by), write(e) + " mod " + by.String(), true
}

func divisors(s string, weight func(int64) int64, text string) (*big.Int, string, bool) {
	n := integer(s).Int64()
	if n == 0 {
		return nil, "", false
	}
	sum := int64(0)
	for d := int64(1); d <= n; d++ {
		if n%d == 0 {
			sum += weight(d)
		}
	}
	return big.NewInt(sum), text + s, true
}
