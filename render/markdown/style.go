package markdown

import (
	"fmt"
	"image/color"
	"strings"
)

// A Theme is the colours of an answer: structure comes by weight and space, and
// there is one accent.
type Theme struct {
	Accent, Muted color.Color
	Code          string // the name of a style of chroma
	// Background is what text stands on: colours of Code that could hardly be read
	// there are made lighter or darker. Nil: they stay.
	Background color.Color
}

// Contrast with a black and a white background is at least 4.5:1.
var (
	Dark  = Theme{Accent: rgb(0xffb000), Muted: rgb(0x8a8a8a), Code: "monokai", Background: color.Black}
	Light = Theme{Accent: rgb(0xa33a00), Muted: rgb(0x6b6b6b), Code: "friendly", Background: color.White}
)

func rgb(v uint32) color.Color {
	return color.RGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

// A style is how a run of text looks.
type style struct {
	bold, italic, underline, struck bool
	colour                          color.Color // nil: the terminal's own
	link                            string      // what a click opens, from [target]; "": nothing
}

const (
	reset     = "\x1b[m"   // ends every style (SGR 0)
	linkTo    = "\x1b]8;;" // begins a link (OSC 8), or ends it when no address follows
	stringEnd = "\x1b\\"   // ends the address (ST)
)

// on gives text in the style. The sequence before it says everything about the
// style, so that a line can be cut after it and begun again with it.
func (s style) on(text string) string {
	if text == "" || s == (style{}) {
		return text
	}
	var codes []string
	for _, c := range []struct {
		set  bool
		code string
	}{{s.bold, "1"}, {s.italic, "3"}, {s.underline, "4"}, {s.struck, "9"}} {
		if c.set {
			codes = append(codes, c.code)
		}
	}
	if s.colour != nil {
		r, g, b, _ := s.colour.RGBA()
		codes = append(codes, fmt.Sprintf("38;2;%d;%d;%d", r>>8, g>>8, b>>8))
	}
	if len(codes) > 0 {
		text = "\x1b[" + strings.Join(codes, ";") + "m" + text + reset
	}
	if s.link != "" {
		text = linkTo + s.link + stringEnd + text + linkTo + stringEnd
	}
	return text
}
