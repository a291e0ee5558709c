package markdown

import (
	"slices"
	"strings"
	"testing"

	xansi "github.com/charmbracelet/x/ansi"
)

func TestMathematics(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`We get $x = \frac{1}{2}$ and $y_1*z_2*w$.`, "We get x = 1/2 and y₁ ∗ z₂ ∗ w."},
		{`$5 and $6, or $HOME and $PATH; 5$ or 6$, US$5`, `$5 and $6, or $HOME and $PATH; 5$ or 6$, US$5`},
		{"So\n\\[\nx\n= \\frac{1}{2}\n\\]\nwhich is it.", "So\n\n      1\n  x = ─\n      2\n\nwhich is it."},
		{"So\n$$\na\n- b = 3\n$$\n\nNext *one*.", "So\n\n  a − b = 3\n\nNext one."},
		{`1. \(x = \pm 2\), and \[ \frac{a}{b} \] done`, "1. x = ±2, and\n\n     a\n     ─\n     b\n\n   done"},
		{`$$ x = 1 $$.`, "  x = 1."},
		{"$$ not closed\nfoo\n\nbar", "$$ not closed\nfoo\n\nbar"},
		{`\( \bogus{x} \) is kept`, `\( \bogus{x} \) is kept`},
		{"$$\n\\bogus{x}\n$$", "$$\n\\bogus{x}\n$$"},
		{"```math\n\\frac{a}{b}\n```", "  a\n  ─\n  b"},
		{"| a |\n|---|\n| $x^2$ |", "a\n──\nx²"},
		{"`$x^2$`", "$x^2$"},
		{`so \boxed{\frac{1}{2}} and \boxed{x`, `so [ 1/2 ] and \boxed{x`},
	} {
		if got := xansi.Strip(NewRenderer(Dark).Block(test.text, 60)); got != test.want {
			t.Errorf("%q is drawn as\n%s\nwant\n%s", test.text, got, test.want)
		}
	}
}

func TestMathematicsAsWritten(t *testing.T) {
	r := NewRenderer(Dark)
	r.Source = true
	const text = "With $x^2$:\n\n$$\n\\frac{a}{b}\n$$"
	if got := xansi.Strip(r.Block(text, 60)); got != text {
		t.Errorf("got %q", got)
	}
}

// What grows must not be cut within a formula, nor be held back for one that has
// no end.
func TestBlocksOfMathematics(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"So\n$$\na\n- b\n$$\nNext\n", []string{"So\n", "$$\na\n- b\n$$\n", "Next\n"}},
		{"$$ x $$\nNext\n", []string{"$$ x $$\n", "Next\n"}},
		{"$$ x $$ is it\nNext\n", []string{"$$ x $$ is it\nNext\n"}},
		{"\\[\nx\n\nNext\n", []string{"\\[\nx\n\n", "Next\n"}},
	} {
		for cut := range len(test.text) {
			var b Blocks
			got := slices.Concat(b.Add(test.text[:cut]), b.Add(test.text[cut:]), b.Rest())
			if !slices.Equal(got, test.want) {
				t.Errorf("%q cut at %d: %q", test.text, cut, got)
			}
			if strings.Join(got, "") != test.text {
				t.Errorf("%q cut at %d: text is lost", test.text, cut)
			}
		}
	}
}
