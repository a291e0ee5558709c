package markdown

import (
	"image/color"
	"math"
	"testing"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/styles"
)

// TestCodeIsLegible checks every colour of the styles that the themes use.
func TestCodeIsLegible(t *testing.T) {
	for name, theme := range map[string]*Style{"dark": Dark, "light": Light} {
		r := NewRenderer(theme)
		style := theme.code
		for _, kind := range style.Types() {
			c := style.Get(kind).Colour
			if !c.IsSet() {
				continue
			}
			was := color.RGBA{R: c.Red(), G: c.Green(), B: c.Blue(), A: 0xff}
			got := r.legible(was)
			if contrast(got, theme.background) < minContrast {
				t.Errorf("%s: %v has a contrast of %.2f", name, kind, contrast(got, theme.background))
			}
			if contrast(was, theme.background) >= minContrast && got != was {
				t.Errorf("%s: %v was legible and is changed", name, kind)
			}
		}
	}
	// A comment of monokai is one that is lifted.
	comment := styles.Get("monokai").Get(chroma.Comment).Colour
	was := color.RGBA{R: comment.Red(), G: comment.Green(), B: comment.Blue(), A: 0xff}
	if got := NewRenderer(Dark).legible(was); got == was {
		t.Errorf("a comment stays %v", got)
	}
	if got := NewRenderer(&Style{}).legible(was); got != was {
		t.Errorf("without a background a comment becomes %v", got)
	}
}

func TestContrast(t *testing.T) {
	for _, tt := range []struct {
		a, b color.Color
		want float64
	}{
		{color.Black, color.White, 21},
		{color.White, color.White, 1},
		{rgb(0x767676), color.White, 4.54}, // the lightest grey that WCAG allows on white
	} {
		if got := contrast(tt.a, tt.b); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("%v and %v: %.2f, want %.2f", tt.a, tt.b, got, tt.want)
		}
	}
}
