package latex

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/bise-sh/bise/tex"
)

// Formulas as models write them: school mathematics, analysis, algebra, probability and
// physics, and rare parts of LaTeX that appear in answers.
var formulas = []string{
	`x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}`,
	`\sum_{i=1}^n i^2 = \frac{n(n+1)(2n+1)}{6}`,
	`\int_0^1 x^2\,dx = \left[\frac{x^3}{3}\right]_0^1 = \frac13`,
	`\int_{-\infty}^{\infty} e^{-x^2} dx = \sqrt{\pi}`,
	`\begin{pmatrix} a & b \\ c & d \end{pmatrix}^{-1} = \frac{1}{ad-bc}\begin{pmatrix} d & -b \\ -c & a \end{pmatrix}`,
	`f(x) = \begin{cases} x^2 & \text{if } x > 0 \\ 0 & \text{if } x = 0 \\ -x & \text{otherwise} \end{cases}`,
	`\begin{aligned} 2x - 3 &= 11 \\ x &= \frac{11+3}{2} \\ &= 7 \end{aligned}`,
	`\lim_{n\to\infty} \left(1+\frac{1}{n}\right)^n = e`,
	`2x-3=11 \implies x = \frac{11+3}{2} = 7`,
	`\sqrt[3]{\frac{a}{b}} + \sqrt{2} + \sqrt[n+1]{x+y} + \sqrt[\alpha]{x}`,
	`\underbrace{a+b+\cdots+z}_{26\text{ letters}} = \overbrace{x}^{n}`,
	`\hat{x} + \vec{AB} + \overline{z_1 z_2} + \bar x + \underline{ab}`,
	`\nabla \times \vec{E} = -\frac{\partial \vec B}{\partial t}`,
	`e^{i\pi}+1=0`,
	`x^{\frac12} y_{i,j}^{2} z_{\max} \varphi^{-1}`,
	`\binom{n}{k} = \frac{n!}{k!(n-k)!}`,
	`P(A \mid B) = \frac{P(B \mid A)\,P(A)}{P(B)}`,
	`a_1 + a_2 = 1{,}000 \text{ and } 1,234.5, 7`,
	`\boxed{x = 7}`,
	`\mathbb{R}^n \to \mathcal{L}(V), \mathrm{kg}`,
	`f''(x) = f'^2 + g'''`,
	`\left.\frac{dy}{dx}\right|_{x=0}`,
	`\sin^2\theta + \cos^2\theta = 1, \log x, \ln(x)`,
	`\begin{array}{cc|c} 1 & 2 & 3 \\ \hline 4 & 5 & 6\end{array}`,
	`A \xrightarrow{f\circ g} B`,
	`\left\{ \frac{x}{y} : x \in \mathbb{Z} \right\}`,
	`[0, 1) \cup (\frac{1}{2}, \infty)`,
	`\prod_{p\text{ prime}} \frac{1}{1-p^{-s}}`,
	`{n \choose 2} = {n(n-1) \over 2}`,
	`\left\langle \frac{a}{b} \middle| c \right\rangle \lfloor \tfrac{n}{2} \rfloor \left\lceil \dfrac{n}{2} \right\rceil`,
	`x_{i_j}^{n^2}`,
	`\not= \not\in \neq`,
	`2x &= 4 \\ x &= 2`,
	`a \equiv b \pmod{n}, 7 \bmod 3`,
	`\text{距離} = vt`,
	`\max_{x\in X} f(x) \quad \operatorname*{arg\,min}_\theta L`,
	`\begin{vmatrix} a & b \\ c & d \end{vmatrix} = ad-bc`,
	`-3 \times -4 = 12`,
	`\overset{!}{=} \underset{x}{f} \stackrel{\text{def}}{=}`,
	`\sum_{\substack{i<n \\ i \text{ odd}}} i`,
}

func TestDrawings(t *testing.T) {
	var out strings.Builder
	for _, f := range formulas {
		fmt.Fprintf(&out, "── %s\n", f)
		line, err := Inline(f)
		if err != nil {
			t.Errorf("Inline(%q): %v", f, err)
		}
		d, err := Draw(f, 76)
		if err != nil {
			t.Errorf("Draw(%q): %v", f, err)
		}
		fmt.Fprintf(&out, "   %s\n\n", line)
		for _, l := range d.Lines {
			fmt.Fprintf(&out, "   %s\n", strings.TrimRight(l, " "))
		}
		out.WriteString("\n")
	}
	golden.RequireEqual(t, out.String())
}

// TestKaTeX draws formulas with the functions that KaTeX supports. It prints the share
// drawn; of the few unsupported ones no more may be added.
func TestKaTeX(t *testing.T) {
	data, err := os.ReadFile("testdata/katex.txt")
	if err != nil {
		t.Fatal(err)
	}
	unsupported := map[string]bool{`\def`: true, `\newcommand`: true, `\let`: true, `\includegraphics`: true}
	all, drawn := 0, 0
	for line := range strings.Lines(string(data)) {
		f := strings.TrimSpace(line)
		if strings.HasPrefix(f, "%") {
			continue
		}
		all++
		one, err := Inline(f)
		if err == nil {
			var d Drawing
			if d, err = Draw(f, 76); err == nil {
				drawn++
				if strings.Contains(one+strings.Join(d.Lines, ""), `\text`) {
					t.Errorf("%s has a command in it: %s", f, one)
				}
				continue
			}
		}
		if command := tex.Next(f); !unsupported[command] {
			t.Errorf("%s is not drawn", f)
		}
	}
	t.Logf("%d of %d formulas are drawn: %.1f %%", drawn, all, 100*float64(drawn)/float64(all))
	if all < 300 {
		t.Errorf("only %d formulas", all)
	}
}

func TestUnsupportedFormulas(t *testing.T) {
	for _, f := range []string{
		`\frac{1}`, `{x`, `x}`, `\left( x`, `x^a^b`, `x_`, `\begin{foo}x\end{foo}`, `\begin{matrix}x`, `\begin{matrix}x\end{pmatrix}`, `\unknowncommand x`, `\`, `\sqrt[3{x}`, `\def\x{y}\x`,
		"\x1b[2Jx", "x\u202ey", "\xff", strings.Repeat("{", 200) + strings.Repeat("}", 200), strings.Repeat(`\sqrt`, 3000) + "x", strings.Repeat("x", maxSource+1),
	} {
		if d, err := Draw(f, 80); !errors.Is(err, ErrSource) {
			t.Errorf("Draw(%.40q) = %q, %v; want ErrSource", f, d.Lines, err)
		}
		if s, err := Inline(f); !errors.Is(err, ErrSource) {
			t.Errorf("Inline(%.40q) = %.40q, %v; want ErrSource", f, s, err)
		}
	}
}

func TestBreaksWideFormulas(t *testing.T) {
	d, err := Draw(`S = a_1 + a_2 + a_3 + a_4 + a_5 + a_6 = \frac{1}{2} + 3 + 4 + 5 = 12`, 24)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"S = a₁ + a₂ + a₃ + a₄",
		"",
		"   + a₅ + a₆",
		"",
		"    1",
		"  = ─ + 3 + 4 + 5 = 12",
		"    2",
	}
	if d.Width > 24 || len(d.Lines) != len(want) {
		t.Fatalf("%d wide:\n%s", d.Width, strings.Join(d.Lines, "\n"))
	}
	for i, line := range d.Lines {
		if got := strings.TrimRight(line, " "); got != want[i] {
			t.Errorf("line %d is %q, want %q", i, got, want[i])
		}
	}
	if _, err := Draw(`\frac{aaaaaaaaaaaaaaaaaaaa}{b}`, 10); !errors.Is(err, ErrSource) {
		t.Error("a fraction wider than the screen was drawn")
	}
}

// Drawing nested exponents, fractions and roots must take linear, not exponential time.
func TestDeepFormulasAreQuick(t *testing.T) {
	for _, level := range []string{"x^{", "x_{", `\frac{1}{`, `\sqrt[n]{`, `\hat{`, `\overbrace{x}^{`, "("} {
		end := "}"
		if level == "(" {
			end = ")"
		}
		f := strings.Repeat(level, 40) + "y" + strings.Repeat(end, 40)
		if _, err := Draw(f, 1000); err != nil {
			t.Errorf("%s…: %v", level, err)
		}
		if _, err := Inline(f); err != nil {
			t.Errorf("%s…: %v", level, err)
		}
	}
}

func FuzzDraw(f *testing.F) {
	for _, s := range formulas {
		f.Add(s, 40)
	}
	f.Fuzz(func(t *testing.T, source string, columns int) {
		columns = 1 + (columns&0x7fffffff)%200
		d, err := Draw(source, columns)
		if err == nil {
			if d.Width > columns {
				t.Fatalf("%d wide in %d columns", d.Width, columns)
			}
			if d.Baseline < 0 || d.Baseline >= len(d.Lines) {
				t.Fatalf("baseline %d of %d lines", d.Baseline, len(d.Lines))
			}
			for _, l := range d.Lines {
				if w := ansi.StringWidth(l); w != d.Width {
					t.Fatalf("a line of %d cells in a drawing of %d: %q", w, d.Width, l)
				}
				clean(t, l)
			}
		}
		line, err2 := Inline(source)
		if (err == nil) && err2 != nil {
			t.Fatalf("drawn, but not on one line: %v", err2)
		}
		if err2 == nil {
			clean(t, line)
		}
	})
}

// clean fails if a line has control characters.
func clean(t *testing.T, line string) {
	t.Helper()
	if !utf8.ValidString(line) {
		t.Fatalf("not UTF-8: %q", line)
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 }) {
		t.Fatalf("a control character: %q", line)
	}
}

func BenchmarkDraw(b *testing.B) {
	for b.Loop() {
		for _, f := range formulas {
			if _, err := Draw(f, 80); err != nil {
				b.Fatal(err)
			}
		}
	}
}
