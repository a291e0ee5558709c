package console

import (
	"io"
	"os"
	"strings"

	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/render/term"
	"github.com/charmbracelet/colorprofile"
)

// A Sheet takes one answer's text.
type Sheet interface {
	Print(piece string) error
	// Close ends the text with a newline, if it has any.
	Close() error
}

// Sheet returns what takes an answer: it renders Markdown on a terminal, and writes the
// text as it is elsewhere, and if raw is set.
func (con *Console) Sheet(raw bool) Sheet {
	if !con.Out.Terminal() {
		return &paper{w: con.Stdout}
	}
	if raw || con.Accessible || !con.Out.Moves() {
		return &cleaned{sheet: &paper{w: con.Stdout}}
	}
	w := colorprofile.NewWriter(con.Stdout, os.Environ())
	// It is a terminal, so sequences that move the cursor must pass.
	w.Profile = max(w.Profile, colorprofile.ASCII)
	if con.NoColor {
		w.Profile = colorprofile.ASCII
	}
	style := con.Style()
	if w.Profile == colorprofile.ASCII {
		style = style.Colourless()
	}
	return &cleaned{sheet: markdown.NewPrinter(w, style, con.Out.Size)}
}

// Background reads the variable in which some terminals state their colours, as
// numbers of the foreground and the background, "15;0": 7 and 9 to 15 are light.
func Background(colours string) *markdown.Style {
	switch colours[strings.LastIndexByte(colours, ';')+1:] {
	case "7", "9", "10", "11", "12", "13", "14", "15":
		return markdown.Light
	}
	return markdown.Dark
}

// paper writes a text as it is.
type paper struct {
	w    io.Writer
	last byte
}

func (p *paper) Print(piece string) error {
	if piece == "" {
		return nil
	}
	p.last = piece[len(piece)-1]
	_, err := io.WriteString(p.w, piece)
	return err
}

func (p *paper) Close() error {
	if p.last == 0 || p.last == '\n' {
		return nil
	}
	return p.Print("\n")
}

// cleaned removes what the terminal would obey.
type cleaned struct {
	sheet   Sheet
	cleaner term.Cleaner
}

func (c *cleaned) Print(piece string) error { return c.sheet.Print(c.cleaner.Clean(piece)) }

func (c *cleaned) Close() error { return c.sheet.Close() }
