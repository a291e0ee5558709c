package preview

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/kitty"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/charmbracelet/x/vt"
)

// scene is a sky over a field, with a sun.
func scene(width, height int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := color.RGBA{R: 40, G: uint8(100 + 100*y/height), B: 230, A: 255}
			if y > height*2/3 {
				c = color.RGBA{R: uint8(20 + 100*x/width), G: 130, B: 30, A: 255}
			}
			if dx, dy := x-width*3/4, y-height/4; dx*dx+dy*dy < height*height/40 {
				c = color.RGBA{R: 255, G: 220, B: 40, A: 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

// readable makes control characters visible, one line of terminal a line.
func readable(s string) string {
	return strings.NewReplacer("\x1b", "␛", "\a", "␇", "\r", "␍").Replace(s)
}

func TestBlocks(t *testing.T) {
	for _, p := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256, colorprofile.ANSI, colorprofile.ASCII} {
		for _, light := range []bool{false, true} {
			if light && p != colorprofile.ASCII {
				continue
			}
			t.Run(fmt.Sprintf("%v/%v", p, light), func(t *testing.T) {
				term := Terminal{Profile: p, Light: light}
				golden.RequireEqual(t, readable(term.Draw(scene(96, 64), image.Pt(24, 8))))
			})
		}
	}
}

// TestBlocksOnATerminal looks at what an emulated terminal shows.
func TestBlocksOnATerminal(t *testing.T) {
	img := scene(48, 32)
	size := image.Pt(24, 8)
	lines := Terminal{Profile: colorprofile.TrueColor}.Lines(img, size)
	emulator := vt.NewEmulator(30, 10)
	emulator.WriteString(strings.Join(lines, "\r\n"))
	pixels := scaled(img, size.X, 2*size.Y)
	for y := range size.Y {
		for x := range size.X {
			cell := emulator.CellAt(x, y)
			if cell.Content != "▀" || !same(cell.Style.Fg, pixels.At(x, 2*y)) || !same(cell.Style.Bg, pixels.At(x, 2*y+1)) {
				t.Fatalf("at %d, %d is %q in %v on %v, want %v on %v", x, y, cell.Content, cell.Style.Fg, cell.Style.Bg, pixels.At(x, 2*y), pixels.At(x, 2*y+1))
			}
		}
	}
	if cell := emulator.CellAt(size.X, 3); cell != nil && cell.Style.Bg != nil {
		t.Error("colour runs on after the picture")
	}
}

func same(a, b color.Color) bool {
	if a == nil || b == nil {
		return false
	}
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	return r1>>8 == r2>>8 && g1>>8 == g2>>8 && b1>>8 == b2>>8
}

// base64Text is a PNG, whose bytes are its encoder's affair.
var base64Text = regexp.MustCompile(`[A-Za-z0-9+/]{40,}=*`)

func TestGraphics(t *testing.T) {
	for _, tt := range []struct {
		name string
		term Terminal
	}{
		{"kitty", Terminal{Protocol: Kitty}},
		{"placeholders", Terminal{Protocol: Placeholders}},
		{"placeholders in tmux", Terminal{Protocol: Placeholders, Tmux: true}},
		{"iterm2", Terminal{Protocol: ITerm2}},
		{"sixel", Terminal{Protocol: Sixel, Cell: image.Pt(3, 6)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := readable(tt.term.Draw(scene(12, 8), image.Pt(4, 2)))
			golden.RequireEqual(t, base64Text.ReplaceAllString(out, "…PNG…"))
		})
	}
}

func TestKittySendsThePicture(t *testing.T) {
	img := scene(200, 100) // more than one chunk
	noise(img)
	var payload strings.Builder
	for i, part := range strings.Split(Terminal{Protocol: Kitty}.Draw(img, image.Pt(30, 8)), "\x1b_G")[1:] {
		head, rest, _ := strings.Cut(part, ";")
		data, _, ok := strings.Cut(rest, "\x1b\\")
		if !ok || len(data) > kitty.MaxChunkSize {
			t.Fatalf("chunk %d has no end, or %d bytes", i, len(data))
		}
		if i == 0 != strings.Contains(head, "a=T") {
			t.Errorf("chunk %d begins %q", i, head)
		}
		payload.WriteString(data)
	}
	data, err := base64.StdEncoding.DecodeString(payload.String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(data))
	if err != nil || got.Bounds() != img.Bounds() || !same(got.At(150, 80), img.At(150, 80)) {
		t.Errorf("the terminal gets %v, %v", got, err)
	}
}

// noise makes a picture that compresses badly.
func noise(img *image.RGBA) {
	state := uint32(1)
	for i := range img.Pix {
		if i%4 != 3 {
			state = state*1664525 + 1013904223
			img.Pix[i] ^= uint8(state >> 28)
		}
	}
}

func TestSixelSendsThePicture(t *testing.T) {
	img := scene(60, 40)
	out := Terminal{Protocol: Sixel, Cell: image.Pt(10, 20)}.Draw(img, image.Pt(6, 2))
	_, rest, ok := strings.Cut(out, "q")
	payload, _, end := strings.Cut(rest, "\x1b\\")
	if !ok || !end {
		t.Fatalf("no sixel in %q", out)
	}
	got := fromSixels(t, payload)
	if got.Bounds() != img.Bounds() {
		t.Fatalf("the terminal gets %v", got.Bounds())
	}
	// Single pixels are dithered: colours are right on average.
	for _, area := range []image.Rectangle{image.Rect(0, 0, 10, 10), image.Rect(42, 8, 48, 12), image.Rect(0, 30, 60, 40)} {
		want, have := average(img, area), average(got, area)
		for i := range want {
			if d := want[i] - have[i]; d < -10 || d > 10 {
				t.Errorf("around %v it is %v, want %v", area, have, want)
			}
		}
	}
}

// fromSixels reads what sixels writes, as VT340's manual says that it is read.
func fromSixels(t *testing.T, s string) *image.RGBA {
	t.Helper()
	var width, height int
	if _, err := fmt.Sscanf(s, "\"1;1;%d;%d", &width, &height); err != nil {
		t.Fatal(err)
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	colours := map[int]color.RGBA{}
	current, x, top, repeat := 0, 0, 0, 1
	number := func(i int) (n, end int) {
		for end = i; end < len(s) && s[end] >= '0' && s[end] <= '9'; end++ {
			n = 10*n + int(s[end]-'0')
		}
		return n, end
	}
	for i := strings.IndexByte(s, '#'); i < len(s); {
		c := s[i]
		i++
		switch {
		case c == '#':
			current, i = number(i)
			if i < len(s) && s[i] == ';' {
				var r, g, b int
				fmt.Sscanf(s[i:], ";2;%d;%d;%d", &r, &g, &b)
				colours[current] = color.RGBA{uint8(r * 255 / 100), uint8(g * 255 / 100), uint8(b * 255 / 100), 255}
				for range 4 {
					_, i = number(i + 1)
				}
			}
		case c == '$':
			x = 0
		case c == '-':
			x, top = 0, top+6
		case c == '!':
			repeat, i = number(i)
		case c >= '?' && c <= '~':
			for range repeat {
				for bit := range 6 {
					if (c-'?')>>bit&1 == 1 {
						if img.RGBAAt(x, top+bit).A != 0 {
							t.Fatalf("%d, %d is drawn twice", x, top+bit)
						}
						img.SetRGBA(x, top+bit, colours[current])
					}
				}
				x++
			}
			repeat = 1
		default:
			t.Fatalf("%q is no sixel", c)
		}
	}
	return img
}

func average(img *image.RGBA, area image.Rectangle) (mean [3]int) {
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			c := img.RGBAAt(x, y)
			mean[0], mean[1], mean[2] = mean[0]+int(c.R), mean[1]+int(c.G), mean[2]+int(c.B)
		}
	}
	for i := range mean {
		mean[i] /= area.Dx() * area.Dy()
	}
	return mean
}

// TestDrawLeavesTheCursorBelow prints two lines around a picture, also where the
// screen has to scroll.
func TestDrawLeavesTheCursorBelow(t *testing.T) {
	for _, p := range []Protocol{Blocks, Kitty, Placeholders, ITerm2, Sixel} {
		for _, before := range []int{0, 9} {
			term := Terminal{Protocol: p, Profile: colorprofile.TrueColor}
			emulator := vt.NewEmulator(40, 10)
			emulator.WriteString("\x1b[20h") // a newline returns to the beginning, as for programs that do not set the terminal raw
			emulator.WriteString(strings.Repeat("\n", before) + "above\n" + term.Draw(scene(64, 64), image.Pt(10, 5)) + "below")
			var above, below int
			for y := range 10 {
				var line strings.Builder
				for x := range 10 {
					if cell := emulator.CellAt(x, y); cell != nil {
						line.WriteString(cell.Content)
					}
				}
				switch {
				case strings.HasPrefix(line.String(), "above"):
					above = y
				case strings.HasPrefix(line.String(), "below"):
					below = y
				}
			}
			if below-above != 6 {
				t.Errorf("protocol %v, %d lines before: above in row %d, below in row %d", p, before, above, below)
			}
		}
	}
}

func TestFit(t *testing.T) {
	for _, tt := range []struct {
		term          Terminal
		pixels        image.Point
		columns, rows int
		want          image.Point
	}{
		{Terminal{}, image.Pt(1920, 1080), 80, 24, image.Pt(80, 23)},
		{Terminal{}, image.Pt(1080, 1920), 80, 24, image.Pt(27, 24)},
		{Terminal{}, image.Pt(1, 1), 80, 24, image.Pt(1, 1)},
		{Terminal{}, image.Pt(16, 16), 80, 24, image.Pt(16, 8)},
		{Terminal{}, image.Pt(3000, 1), 40, 12, image.Pt(40, 1)},
		{Terminal{}, image.Pt(1, 3000), 40, 12, image.Pt(1, 12)},
		{Terminal{}, image.Pt(0, 0), 0, 0, image.Pt(1, 1)},
		{Terminal{}, image.Pt(1_000_000, 500_000), 10_000, 10_000, image.Pt(297, 74)},
		{Terminal{Protocol: Kitty, Cell: image.Pt(10, 20)}, image.Pt(100, 100), 80, 24, image.Pt(10, 5)},
		{Terminal{Protocol: Kitty, Cell: image.Pt(10, 20)}, image.Pt(4000, 3000), 80, 24, image.Pt(64, 24)},
		{Terminal{Protocol: Sixel, Cell: image.Pt(-1, 9999)}, image.Pt(80, 80), 80, 24, image.Pt(10, 5)},
	} {
		if got := tt.term.Fit(tt.pixels, tt.columns, tt.rows); got != tt.want {
			t.Errorf("%v pixels in %d×%d of %+v: %v, want %v", tt.pixels, tt.columns, tt.rows, tt.term, got, tt.want)
		}
	}
}

func TestLinesAreAsWideAsTheySay(t *testing.T) {
	for _, term := range []Terminal{{}, {Profile: colorprofile.TrueColor}, {Profile: colorprofile.ANSI256}, {Protocol: Placeholders}} {
		for _, size := range []image.Point{{1, 1}, {7, 3}, {297, 2}, {5, 200}, {-1, 100_000}} {
			want := bounded(size)
			lines := term.Lines(scene(20, 20), size)
			if len(lines) != want.Y {
				t.Fatalf("%v: %d lines", size, len(lines))
			}
			for _, line := range lines {
				if w := ansi.StringWidth(line); w != want.X {
					t.Fatalf("%+v %v: a line is %d wide", term, size, w)
				}
			}
		}
	}
}

func TestIDs(t *testing.T) {
	size := image.Pt(4, 2)
	a, b := scene(30, 20), scene(30, 20)
	if ID(a, size) != ID(b, size) {
		t.Error("equal pictures have two numbers")
	}
	if ID(a, size) == ID(a, image.Pt(2, 4)) {
		t.Error("two sizes have one number")
	}
	b.SetRGBA(3, 3, color.RGBA{A: 255})
	if ID(a, size) == ID(b, size) {
		t.Error("two pictures have one number")
	}
	if id := ID(a, size); id <= 0 || id >= 1<<24 {
		t.Errorf("%d does not fit a colour", id)
	}
	if got, want := (Terminal{}).Forget(7), "\x1b_Gq=2,i=7,d=I,a=d\x1b\\"; got != want {
		t.Errorf("Forget is %q, want %q", got, want)
	}
}

func BenchmarkDraw(b *testing.B) {
	img := scene(1024, 768)
	for _, term := range []Terminal{{Profile: colorprofile.TrueColor}, {Profile: colorprofile.ANSI256}, {Protocol: Kitty}, {Protocol: Sixel}} {
		b.Run(fmt.Sprintf("%v-%v", term.Protocol, term.Profile), func(b *testing.B) {
			for b.Loop() {
				term.Draw(img, image.Pt(80, 24))
			}
		})
	}
}
