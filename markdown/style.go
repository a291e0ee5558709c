package markdown

import (
	"fmt"
	"strings"
)

// A Theme is for a light or a dark background.
type Theme int

const (
	Dark Theme = iota
	Light
)

// A theme is the colours of an answer: structure comes by weight and space, and
// there is one accent.
type theme struct {
	accent, muted colour
	code          string // the name of a style of chroma
}

// Contrast with a black and a white background is at least 4.5:1.
var themes = map[Theme]theme{
	Dark:  {accent: 0xffb000, muted: 0x8a8a8a, code: "monokai"},
	Light: {accent: 0xa33a00, muted: 0x6b6b6b, code: "friendly"},
}

// A colour is 0xRRGGBB; 0 is the terminal's own.
type colour int

// A style is how a run of text looks.
type style struct {
	bold, italic, underline, struck bool
	colour                          colour
}

// reset ends every style (SGR 0).
const reset = "\x1b[m"

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
	if s.colour != 0 {
		codes = append(codes, fmt.Sprintf("38;2;%d;%d;%d", s.colour>>16&0xff, s.colour>>8&0xff, s.colour&0xff))
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + text + reset
}
