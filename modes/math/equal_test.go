package math

import "testing"

func TestEqual(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"7", "7.0", true},
		{"7", "x = 7", true},
		{"$x=7$", `\boxed{7}`, true},
		{"1/2", `\frac12`, true},
		{`\dfrac{3}{4}`, "0.75", true},
		{`3\frac{1}{2}`, "3.5", true},
		{"1,000", "1000", true},
		{"1{,}234.5", "1234.5", true},
		{"0.333", "1/3", true},
		{"0.33", "1/3", false}, // too coarse to be sure
		{"-3", "−3", true},
		{"1e3", "1000", true},
		{`2 \times 10^{3}`, "2000", true},
		{"50%", "50", true},
		{"5 cm", `5\text{ centimeters}`, true},
		{"5 cm", "5 km", false},
		{"5 cm", "5", true},
		{`\$12`, "12 dollars", true},
		{`90^\circ`, "90 degrees", true},
		{`\sqrt{8}`, `2\sqrt{2}`, true},
		{`\sqrt[3]{8}`, "2", true},
		{`\frac{\sqrt{2}}{2}`, `\frac{1}{\sqrt{2}}`, true},
		{`2\pi`, `6.28`, false},
		{"x^2-1", "(x-1)(x+1)", true},
		{"x^2-1", "(x-1)^2", false},
		{"x + y", "y + x", true},
		{"2x+1", "y = 2x + 1", true},
		{"y=2x+1", "2x - y + 1 = 0", true},
		{"y=2x+1", "2x - y + 2 = 0", false},
		{`\sin^2 x + \cos^2 x`, "1", false}, // not the same answer: one is not simplified
		{"(1,2)", "(1, 2.0)", true},
		{"(1,2)", "(2,1)", false},
		{"[0,1)", `\left[0, 1\right)`, true},
		{"[0,1)", "[0,1]", false},
		{"x > 3", `(3, \infty)`, true},
		{`1 < x \leq 2`, "(1, 2]", true},
		{`3 \ge x`, `(-\infty, 3]`, true},
		{`x \in [0, 2]`, "[0,2]", true},
		{`\{1, 2, 3\}`, "3, 2, 1", true},
		{`\{1, 2\}`, `\{1, 2, 3\}`, false},
		{"x = 2 or x = -2", `\pm 2`, true},
		{"2 and 3", `x=3 \text{ or } x=2`, true},
		{`(-\infty, -1) \cup (1, \infty)`, `(1,\infty) \cup (-\infty,-1)`, true},
		{`\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}`, `\begin{bmatrix}1&2\\3&4\end{bmatrix}`, true},
		{`\begin{pmatrix} 1 & 2 \end{pmatrix}`, `\begin{pmatrix} 1 \\ 2 \end{pmatrix}`, false},
		{"Yes", `\text{yes}`, true},
		{"no solution", "No solution.", true},
		{"(B)", "B", true},
		{"xy", "yes", false},
		{"10!", "3628800", true},
		{`\binom{5}{2}`, "10", true},
		{"2^10", "1024", true},
		{"2^{100}", "1267650600228229401496703205376", true},
		{"2^{100}", "1267650600228229401496703205377", false},
		{"", "7", false},
		{`\log_2 8`, "3", true},
		{"|-3|", "3", true},
		{`x \neq 2`, `x \ne 2`, true},
		{`\infty`, `-\infty`, false},
		{`\infty`, "3", false},
		{"x < -2", "x > -2", false},
		{"48 + 24 = 72", "72", true},
		{`-1\frac{1}{2}`, "-1.5", true},
		{"3 1/2", "3.5", true},
		{"1½", "1.5", true},
		{"10 000", `10\,000`, true},
		{"50%", "0.5", true},
		{"50%", "5", false},
		{`-\$5`, "-5", true},
		{`8\pi \text{ cm}^3`, `8\pi`, true},
		{`\sqrt{2}`, "1.414", true},
		{`\sqrt{2}`, "1.415", false},
		{`\{x \mid x > 3\}`, `(3, \infty)`, true},
		{"x = 3, y = 4", "(3, 4)", true},
		{"x = 3, y = 4", "x = 4, y = 3", false},
		{"x_1 = 3, x_2 = 4", "x_1 = 4, x_2 = 3", true},
		{".5", "0.5", true},
		{"because 2 + 3", "2 + 3 because", false},
		{`3 \text{ hours/week} \times 4 \text{ weeks} = 12 \text{ hours}`, "12", true},
		{`100^\circ\text{C}`, "100", true},
	} {
		a, b := Parse(test.a), Parse(test.b)
		if got := Equal(a, b); got != test.want {
			t.Errorf("Equal(%q, %q) = %v\n%+v\n%+v", test.a, test.b, got, a, b)
		}
		if Equal(a, b) != Equal(b, a) {
			t.Errorf("Equal(%q, %q) depends on the order", test.a, test.b)
		}
		if !Equal(a, a) {
			t.Errorf("%q is not itself: %+v", test.a, a)
		}
	}
}

func TestExtract(t *testing.T) {
	for _, test := range []struct {
		solution, want string
		how            How
	}{
		{`We get \boxed{6}, no: \boxed{\frac{1}{2}}.`, `\frac{1}{2}`, Boxed},
		{`So \boxed{\{1, 2\}} it is`, `\{1, 2\}`, Boxed},
		{`First \boxed{3} and then \boxed{4`, "3", Boxed},
		{"Step one.\nThe answer is 42.\nBye", "42", Said},
		{"The final answer is: $x = 3$.", "x = 3", Said},
		{"**Answer:** 12 cm.", "12 cm", Said},
		{"some work\n#### 1,234", "1,234", Said},
		{"The answer is 3.5. I am sure.", "3.5", Said},
		{"Final Answer: The final answer is 12,000", "12,000", Said},
		{"The answer is the number 9.", "9", Said},
		{"It is 32. This result is a classic example of how math can be used.", "32", Last},
		{"The answer is 7. The result is a good example of how it is done.", "7", Said},
		{"The answer is all real numbers.", "all real numbers", Said},
		{"The final answer is:\n\\[\n72\n\\]", "72", Said},
		{"The solution of her sister's problem, 4 + 3, is 7", "7", Said},
		{"She pays $5 for each of 3, so $15 for all. That makes 15.", "15", Last},
		{`So \( x = 7 \), which solves \( 2x = 14 \) for \( x \).`, "x = 7", Last},
		{"The answer is 5, because 2 + 3 = 5.", "5", Said},
		{"The solutions are $x = 2$ and $x = 3$.", "x = 2 and x = 3", Said},
		{`Hence $x = \boxed{-2}$ or $x = \boxed{5}$.`, "-2, 5", Boxed},
		{"So $a = 1$ and thus $b = 2$.", "b = 2", Last},
		{"2 and 3 make 5", "5", Last},
		{"I do not know.", "", None},
		{"", "", None},
	} {
		a := extract(test.solution, false)
		if a.Text != test.want || a.How != test.how {
			t.Errorf("extract(%q) = %q, %v; want %q, %v", test.solution, a.Text, a.How, test.want, test.how)
		}
	}
}

func TestExtractFromCutSolution(t *testing.T) {
	for _, test := range []struct{ solution, want string }{
		{"48 + 24 = 72 clips altog", "72"},
		{"48 + 24 = 72\n", "72"},
		{"She sold 5 in May.\n48 + 24 = 7", "5"},
		{"She sold 5 in May. So \\( 48 + 24 =", "5"},
		{"She sold 5 in May. The answer is:\n\\[\n7", "5"},
		{"The answer is 7", ""},
		{"The answer is 72 apples and", "72 apples"},
		{"First \\boxed{3} and then \\boxed{4", "3"},
		{"", ""},
		{"7", ""},
	} {
		if got := extract(test.solution, true).Text; got != test.want {
			t.Errorf("extract(%q) = %q, want %q", test.solution, got, test.want)
		}
	}
}

func TestVerify(t *testing.T) {
	for _, test := range []struct {
		problem, solution, answer string
		ok, computed              bool
		text                      string
	}{
		{"Solve 2x - 3 = 11.", "", "7", true, true, "2·7 − 3 = 11"},
		{"Solve 2x - 3 = 11.", "", "8", false, true, "2·8 − 3 is 13, not 11"},
		{"Solve $x^2 = 4$ for x", "", `\pm 2`, true, true, "2² = 4"},
		{"Solve $x^2 - 5x + 6 = 0$", "", "x = 2 or x = 3", true, true, "2² − 5·2 + 6 = 0"},
		{"Solve $x^2 - 5x + 6 = 0$", "", "2, 4", false, true, "4² − 5·4 + 6 is 2, not 0"},
		{"A number is doubled, then reduced by 3, giving 11. What is it?", "Let it be x. Then $2x - 3 = 11$, so $2x = 14$.", "7", true, true, "2·7 − 3 = 11"},
		{"A number is doubled, then reduced by 3, giving 11. What is it?", "It is 8.", "8", false, false, ""},
		{"Double it, take 3, get 11.", `$$2x - 3 = 11 \implies x = \frac{11 + 3}{2} = 7$$`, "7", true, true, "2·7 − 3 = 11"},
		{"What is 12*13?", "", "156", true, true, "12·13 = 156"},
		{"What is 12*13?", "", "155", false, true, "12·13 is 156, not 155"},
		{"What is the capital of France?", "", "3", false, false, ""},
		{`Compute $\frac{1}{2} + \frac{1}{3}$.`, "", `\frac56`, true, true, "1/2 + 1/3 = 5/6"},
		{"Simplify (x^2-1)/(x-1)", "", "x+1", true, true, "both sides are equal at 16 points"},
		{"Expand (x+1)^2", "", "x^2+1", false, true, "(x + 1)² is not x² + 1 everywhere"},
		{"Find the derivative of x^3", "", "3x^2", true, true, "it is the slope of x³ at 16 points"},
		{"Find the derivative of x^3", "", "x^2", false, true, ""},
		{`Evaluate $\int_0^1 x^2 \, dx$`, "", `\frac13`, true, true, "the integral is about 0.333333"},
		{`Evaluate $\int_{0}^{\pi} \sin x \, dx$`, "", "2", true, true, "the integral is about 2"},
		{"What is the remainder when 2^100 is divided by 7?", "", "2", true, true, "2¹⁰⁰ mod 7 is 2"},
		{"Find the greatest common divisor of 84 and 36", "", "12", true, true, "gcd(84, 36) is 12"},
		{"How many primes are there less than 100?", "", "25", true, true, "the number of primes below 100 is 25"},
		{"How many positive divisors does 360 have?", "", "25", false, true, "the number of divisors of 360 is 24, not 25"},
	} {
		c, computed := verify(test.problem, test.solution, Answer{Text: test.answer, Value: Parse(test.answer), How: Boxed})
		if c.OK != test.ok || computed != test.computed || test.text != "" && c.Text != test.text {
			t.Errorf("verify(%q, %q) = %+v, %v", test.problem, test.answer, c, computed)
		}
	}
}

func FuzzEqual(f *testing.F) {
	f.Add("x = 7", `\frac{1}{2}`)
	f.Add(`\begin{pmatrix} 1 & 2 \end{pmatrix}`, "[0,1)")
	f.Add("2^{2^{2^{2^{2^{2}}}}}", "170!^9999")
	f.Add("x_1 ± 2", "a or b")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := Parse(a), Parse(b)
		if Equal(x, y) != Equal(y, x) {
			t.Fatalf("Equal(%q, %q) depends on the order", a, b)
		}
		verify(a, b, extract(b, true))
	})
}
