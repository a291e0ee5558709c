package math

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// The bounds of exact numbers, so that nested powers cannot exhaust the memory.
const (
	maxBits      = 4096
	maxExponent  = 1024
	maxFactorial = 170 // the largest whose factorial fits in a float64
)

// exact computes a value without rounding. ok is false if the value is irrational or
// too large.
func exact(e expression) (*big.Rat, bool) {
	switch e := e.(type) {
	case number:
		return e.Rat, e.Num().BitLen() < maxBits && e.Denom().BitLen() < maxBits
	case negation:
		x, ok := exact(e.x)
		if !ok {
			return nil, false
		}
		return new(big.Rat).Neg(x), true
	case operation:
		a, ok := exact(e.a)
		if !ok {
			return nil, false
		}
		b, ok := exact(e.b)
		if !ok {
			return nil, false
		}
		r := new(big.Rat)
		switch e.op {
		case '+':
			r.Add(a, b)
		case '-':
			r.Sub(a, b)
		case '*':
			r.Mul(a, b)
		case '/':
			if b.Sign() == 0 {
				return nil, false
			}
			r.Quo(a, b)
		case '^':
			return power(a, b)
		}
		return r, r.Num().BitLen() < maxBits && r.Denom().BitLen() < maxBits
	case call:
		if len(e.args) == 0 {
			return nil, false
		}
		x, ok := exact(e.args[0])
		if !ok {
			return nil, false
		}
		return exactCall(e, x)
	}
	return nil, false
}

func exactCall(e call, x *big.Rat) (*big.Rat, bool) {
	switch e.name {
	case "abs":
		return new(big.Rat).Abs(x), true
	case "!":
		if !x.IsInt() || x.Sign() < 0 || x.Cmp(big.NewRat(maxFactorial, 1)) > 0 {
			return nil, false
		}
		return new(big.Rat).SetInt(new(big.Int).MulRange(1, x.Num().Int64())), true
	case "binom":
		k, ok := exact(e.args[1])
		if !ok || !x.IsInt() || !k.IsInt() || x.Sign() < 0 || k.Sign() < 0 || x.Cmp(big.NewRat(1000, 1)) > 0 || k.Cmp(x) > 0 {
			return nil, false
		}
		return new(big.Rat).SetInt(new(big.Int).Binomial(x.Num().Int64(), k.Num().Int64())), true
	case "sqrt":
		if x.Sign() < 0 {
			return nil, false
		}
		n, d := new(big.Int).Sqrt(x.Num()), new(big.Int).Sqrt(x.Denom())
		r := new(big.Rat).SetFrac(n, d)
		return r, new(big.Rat).Mul(r, r).Cmp(x) == 0
	}
	return nil, false
}

func power(a, b *big.Rat) (*big.Rat, bool) {
	if !b.IsInt() || new(big.Int).Abs(b.Num()).Cmp(big.NewInt(maxExponent)) > 0 {
		return nil, false
	}
	n := b.Num().Int64()
	if n < 0 {
		if a.Sign() == 0 {
			return nil, false
		}
		a, n = new(big.Rat).Inv(a), -n
	}
	if int64(a.Num().BitLen())*n > maxBits || int64(a.Denom().BitLen())*n > maxBits {
		return nil, false
	}
	e := big.NewInt(n)
	return new(big.Rat).SetFrac(new(big.Int).Exp(a.Num(), e, nil), new(big.Int).Exp(a.Denom(), e, nil)), true
}

// at evaluates an expression with the given values of variables. It returns NaN where
// the expression is undefined.
func at(e expression, place map[string]float64) float64 {
	switch e := e.(type) {
	case number:
		f, _ := e.Float64()
		return f
	case variable:
		if x, ok := place[string(e)]; ok {
			return x
		}
	case constant:
		switch e {
		case "π":
			return math.Pi
		case "e":
			return math.E
		}
		return math.Inf(1)
	case negation:
		return -at(e.x, place)
	case operation:
		a, b := at(e.a, place), at(e.b, place)
		switch e.op {
		case '+':
			return a + b
		case '-':
			return a - b
		case '*':
			return a * b
		case '/':
			if b == 0 {
				return math.NaN()
			}
			return a / b
		case '^':
			if a < 0 && b != math.Trunc(b) { // an odd root of a negative number is real
				if n := 1 / b; math.Abs(n-math.Round(n)) < 1e-9 && math.Mod(math.Round(n), 2) != 0 {
					return -math.Pow(-a, b)
				}
			}
			return math.Pow(a, b)
		}
	case call:
		return apply(e, place)
	}
	return math.NaN()
}

func apply(e call, place map[string]float64) float64 {
	x := at(e.args[0], place)
	switch e.name {
	case "sin":
		return math.Sin(x)
	case "cos":
		return math.Cos(x)
	case "tan":
		return math.Tan(x)
	case "cot":
		return 1 / math.Tan(x)
	case "sec":
		return 1 / math.Cos(x)
	case "csc":
		return 1 / math.Sin(x)
	case "arcsin":
		return math.Asin(x)
	case "arccos":
		return math.Acos(x)
	case "arctan":
		return math.Atan(x)
	case "sinh":
		return math.Sinh(x)
	case "cosh":
		return math.Cosh(x)
	case "tanh":
		return math.Tanh(x)
	case "ln":
		return math.Log(x)
	case "log", "lg":
		return math.Log10(x)
	case "exp":
		return math.Exp(x)
	case "sqrt":
		return math.Sqrt(x)
	case "abs":
		return math.Abs(x)
	case "floor":
		return math.Floor(x)
	case "ceil":
		return math.Ceil(x)
	case "!":
		if x >= 0 && x <= maxFactorial && x == math.Trunc(x) {
			return math.Gamma(x + 1)
		}
	case "binom":
		if r, ok := exact(e); ok {
			f, _ := r.Float64()
			return f
		}
	}
	return math.NaN()
}

// variables adds the names of the variables in an expression to a set.
func variables(e expression, into map[string]bool) map[string]bool {
	if into == nil {
		into = map[string]bool{}
	}
	switch e := e.(type) {
	case variable:
		into[string(e)] = true
	case negation:
		variables(e.x, into)
	case operation:
		variables(e.a, into)
		variables(e.b, into)
	case call:
		for _, x := range e.args {
			variables(x, into)
		}
	}
	return into
}

// substitute replaces a variable with an expression.
func substitute(e expression, name string, x expression) expression {
	switch e := e.(type) {
	case variable:
		if string(e) == name {
			return x
		}
	case negation:
		return negation{substitute(e.x, name, x)}
	case operation:
		return operation{e.op, substitute(e.a, name, x), substitute(e.b, name, x)}
	case call:
		c := call{name: e.name}
		for _, a := range e.args {
			c.args = append(c.args, substitute(a, name, x))
		}
		return c
	}
	return e
}

// write formats an expression on one line.
func write(e expression) string { return writeIn(e, 0) }

// The precedence of the surrounding operation.
const (
	inSum = iota
	inProduct
	inPower
)

func writeIn(e expression, around int) string {
	bracket := func(s string, needs bool) string {
		if needs {
			return "(" + s + ")"
		}
		return s
	}
	switch e := e.(type) {
	case number:
		if e.IsInt() {
			return bracket(strings.Replace(e.Num().String(), "-", "−", 1), e.Sign() < 0 && around > inSum)
		}
		f, _ := e.Float64()
		if s := strconv.FormatFloat(f, 'f', -1, 64); len(s) <= 10 {
			if back, ok := new(big.Rat).SetString(s); ok && back.Cmp(e.Rat) == 0 {
				return bracket(strings.Replace(s, "-", "−", 1), e.Sign() < 0 && around > inSum)
			}
		}
		return bracket(strings.Replace(e.Num().String(), "-", "−", 1)+"/"+e.Denom().String(), around > inSum)
	case variable:
		return strings.TrimPrefix(string(e), `\`)
	case constant:
		return string(e)
	case negation:
		return bracket("−"+writeIn(e.x, inProduct), around > inSum)
	case operation:
		switch e.op {
		case '+':
			return bracket(writeIn(e.a, inSum)+" + "+writeIn(e.b, inSum), around > inSum)
		case '-':
			return bracket(writeIn(e.a, inSum)+" − "+writeIn(e.b, inProduct), around > inSum)
		case '*':
			sign := "·"
			if _, named := e.b.(variable); named && isNumber(e.a) {
				sign = ""
			}
			return bracket(writeIn(e.a, inProduct)+sign+writeIn(e.b, inProduct), around > inProduct)
		case '/':
			return bracket(writeIn(e.a, inPower)+"/"+writeIn(e.b, inPower), around > inSum)
		case '^':
			return writeIn(e.a, inPower) + raised(writeIn(e.b, inPower))
		}
	case call:
		if e.name == "!" {
			return writeIn(e.args[0], inPower) + "!"
		}
		if e.name == "sqrt" {
			return "√" + bracket(writeIn(e.args[0], inSum), !isNumber(e.args[0]))
		}
		var args []string
		for _, a := range e.args {
			args = append(args, write(a))
		}
		return e.name + "(" + strings.Join(args, ", ") + ")"
	}
	return "?"
}

// raised formats an exponent, in superscript if it has only digits.
func raised(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < '0' || r > '9' {
			return "^" + s
		}
		b.WriteRune([]rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[r-'0'])
	}
	return b.String()
}
