package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/charmbracelet/colorprofile"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/render/term"
)

// A sheet is what one answer's text is written on.
type sheet interface {
	Print(piece string) error
	// Close ends the text with a newline, if it has any.
	Close() error
}

// sheet gives what an answer is written on: drawn as Markdown on a terminal,
// as it is everywhere else and when raw is asked for.
func (a *app) sheet(raw bool) sheet {
	if !a.out.Terminal() {
		return &paper{w: a.stdout}
	}
	if raw || a.accessible || !a.out.Moves() {
		return &cleaned{sheet: &paper{w: a.stdout}}
	}
	w := colorprofile.NewWriter(a.stdout, os.Environ())
	// It is a terminal, so sequences that move the cursor must pass.
	w.Profile = max(w.Profile, colorprofile.ASCII)
	if a.noColor {
		w.Profile = colorprofile.ASCII
	}
	return &cleaned{sheet: markdown.NewPrinter(w, a.answerStyle(), a.out.Size)}
}

// answerStyle returns the style of answers: the one in config.toml, or bise's own. It
// reports a style that cannot be loaded once.
func (a *app) answerStyle() *markdown.Style {
	if a.style == nil {
		style, err := a.loadStyle()
		if err != nil {
			msg, advice := fault.Explain(err)
			a.note("%s %s", msg, advice)
		}
		if style == nil {
			style = background(os.Getenv("COLORFGBG"))
		}
		a.style = style
	}
	return a.style
}

// loadStyle loads the style that config.toml names. It is nil when there is none.
func (a *app) loadStyle() (*markdown.Style, error) {
	if a.config.Interface.Style == "" {
		return nil, nil
	}
	return markdown.LoadStyle(a.config.Interface.Style, filepath.Dir(a.places.File()))
}

// background reads the variable in which some terminals tell their colours, as
// numbers of the foreground and the background, "15;0": 7 and 9 to 15 are light.
func background(colours string) *markdown.Style {
	switch colours[strings.LastIndexByte(colours, ';')+1:] {
	case "7", "9", "10", "11", "12", "13", "14", "15":
		return markdown.Light
	}
	return markdown.Dark
}

// paper takes a text as it is.
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

// cleaned keeps a text from commanding the terminal that it is shown on.
type cleaned struct {
	sheet
	cleaner term.Cleaner
}

func (c *cleaned) Print(piece string) error { return c.sheet.Print(c.cleaner.Clean(piece)) }

// choices writes the answers to one request one below the other. The first that
// is not finished is written as it comes, the others wait for their turn.
type choices struct {
	n     int
	sheet func() sheet
	rule  func(choice int) error // comes before each answer when there are several

	current int
	open    sheet // of the current choice; nil before its first piece
	waiting map[int]*strings.Builder
	ended   map[int]bool
}

func (c *choices) print(choice int, piece string) error {
	if choice == c.current {
		return c.write(piece)
	}
	if c.waiting == nil {
		c.waiting = map[int]*strings.Builder{}
	}
	if c.waiting[choice] == nil {
		c.waiting[choice] = &strings.Builder{}
	}
	c.waiting[choice].WriteString(piece)
	return nil
}

func (c *choices) write(piece string) error {
	if c.open == nil {
		if c.n > 1 {
			if err := c.rule(c.current); err != nil {
				return err
			}
		}
		c.open = c.sheet()
	}
	return c.open.Print(piece)
}

// finish ends a choice, and with the current one all that have waited for it.
func (c *choices) finish(choice int) error {
	if c.ended == nil {
		c.ended = map[int]bool{}
	}
	c.ended[choice] = true
	for c.ended[c.current] {
		if err := c.close(); err != nil {
			return err
		}
		c.current++
		if text := c.waiting[c.current]; text != nil {
			delete(c.waiting, c.current)
			if err := c.write(text.String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// close ends what has been written, also when the answer broke off.
func (c *choices) close() error {
	if c.open == nil {
		return nil
	}
	s := c.open
	c.open = nil
	return s.Close()
}

// ruled is the line before an answer when there are several.
func (a *app) ruled(n int) func(choice int) error {
	return func(choice int) error {
		before := "\n"
		if choice == 0 {
			before = ""
		}
		_, err := fmt.Fprintf(a.stdout, "%s── %d of %d ──\n", before, choice+1, n)
		return err
	}
}
