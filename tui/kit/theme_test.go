package kit

import (
	"fmt"
	"image/color"
	"math"
	"testing"

	"github.com/alecthomas/chroma/v2/styles"

	"github.com/bise-sh/bise/config"
)

// TestContrast holds every colour of every theme to WCAG's 4.5:1, and those of
// the theme for more contrast to 7:1.
func TestContrast(t *testing.T) {
	for _, name := range config.Themes {
		for terminal, background := range map[Shade]color.Color{Dark: rgb(0), Light: rgb(0xffffff)} {
			th := NewTheme(name, terminal)
			if b := th.Background(); b != nil {
				background = b
			}
			least := 4.5
			if name == "contrast" {
				least = 7
			}
			p := th.palette
			for what, c := range map[string]color.Color{
				"accent, left": p.accent[0], "accent": p.accent[1], "accent, right": p.accent[2],
				"muted": p.muted, "border": p.border, "ok": p.ok, "warn": p.warn, "error": p.alert,
			} {
				if got := contrast(c, background); got < least {
					t.Errorf("%s on a terminal of shade %d: %s %s has a contrast of %.2f, want %.1f", name, terminal, what, hex(c), got, least)
				}
			}
			if styles.Registry[p.code] == nil {
				t.Errorf("%s: there is no style %q of code", name, p.code)
			}
		}
	}
}

func TestThemesPaintOnlyWhatTheyMust(t *testing.T) {
	for _, tt := range []struct {
		name     string
		terminal Shade
		paints   bool
		shade    Shade
	}{
		{"auto", Dark, false, Dark},
		{"auto", Light, false, Light},
		{"light", Dark, true, Light},
		{"light", Light, false, Light},
		{"dark", Light, true, Dark},
		{"olive", Light, false, Light},
		{"", Dark, false, Dark},
	} {
		th := NewTheme(tt.name, tt.terminal)
		if (th.Background() != nil) != tt.paints || (th.Foreground() != nil) != tt.paints || th.Shade != tt.shade {
			t.Errorf("%q on shade %d paints %v and has shade %d", tt.name, tt.terminal, th.Background(), th.Shade)
		}
	}
}

// contrast is WCAG 2.2's contrast ratio of two colours.
func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	linear := func(v uint32) float64 {
		x := float64(v) / 0xffff
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
