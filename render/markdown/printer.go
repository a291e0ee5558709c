// Package markdown prints a Markdown text on a terminal while it grows.
//
// A block (a paragraph, a list, a piece of code) is shown plainly as it grows.
// Once it is finished it is drawn in its place and never touched again, so
// nothing that the person may be reading moves, and the scrollback holds every
// block once.
package markdown

import (
	"fmt"
	"io"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
)

// A Printer prints one text. Errors of the output are kept and returned by every
// later call. It belongs to one goroutine.
type Printer struct {
	out    io.Writer
	size   func() (columns, rows int)
	render *Renderer
	blocks Blocks

	live    []string // the rows of the growing block as they stand on the screen
	printed bool     // a block has been drawn above
	err     error
}

// NewPrinter prints to a terminal whose size is asked for at every change. The
// text must be free of control characters.
func NewPrinter(out io.Writer, style *Style, size func() (columns, rows int)) *Printer {
	return &Printer{out: out, size: size, render: NewRenderer(style)}
}

// Print appends to the text.
func (p *Printer) Print(piece string) error {
	columns, rows := p.size()
	finished := p.blocks.Add(piece)
	live := p.tail(columns, rows)
	if len(finished) == 0 {
		p.write(p.update(live, columns))
		return p.err
	}
	var b strings.Builder
	b.WriteString(p.erase(0, columns))
	p.draw(&b, finished, columns)
	p.live = nil
	b.WriteString(p.update(p.tail(columns, rows), columns))
	p.write(b.String())
	return p.err
}

// Close draws what has not been finished and leaves the cursor below.
func (p *Printer) Close() error {
	columns, _ := p.size()
	var b strings.Builder
	b.WriteString(p.erase(0, columns))
	p.live = nil
	p.draw(&b, p.blocks.Rest(), columns)
	p.write(b.String())
	return p.err
}

func (p *Printer) draw(b *strings.Builder, blocks []string, columns int) {
	for _, block := range blocks {
		drawn := p.render.Block(block, columns)
		if drawn == "" {
			continue
		}
		if p.printed {
			b.WriteString("\n")
		}
		b.WriteString(drawn)
		b.WriteString("\n")
		p.printed = true
	}
}

// tail is the growing block in rows of the screen: as many of its last as fit
// with one to spare, since what has left the screen cannot be erased.
func (p *Printer) tail(columns, rows int) []string {
	text := strings.TrimRight(p.blocks.Growing(), "\n")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	most := max(1, rows-1)
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-most):]
	// A row is never filled: what a terminal does with the cursor after its last
	// column differs.
	width := max(1, min(widest, columns-1))
	var out []string
	if p.printed {
		out = append(out, "")
	}
	for _, line := range lines {
		line = strings.ReplaceAll(line, "\t", "    ")
		out = append(out, strings.Split(xansi.Wrap(line, width, ""), "\n")...)
	}
	return out[max(0, len(out)-most):]
}

// update is what turns the rows on the screen into these.
func (p *Printer) update(live []string, columns int) string {
	same := 0
	for same < len(p.live) && same < len(live) && p.live[same] == live[same] {
		same++
	}
	if same == len(p.live) && same == len(live) {
		return ""
	}
	last := len(p.live) - 1
	var b strings.Builder
	if last >= 0 && same >= last && same < len(live) && strings.HasPrefix(live[last], p.live[last]) {
		// The usual case: the last row grows, and rows are added.
		b.WriteString(live[last][len(p.live[last]):])
		for _, row := range live[last+1:] {
			b.WriteString("\n" + row)
		}
	} else {
		same = min(same, max(0, len(live)-1)) // the cursor ends in the last row
		b.WriteString(p.erase(same, columns))
		b.WriteString(strings.Join(live[same:], "\n"))
	}
	p.live = live
	return b.String()
}

// erase is what clears the rows of the growing block from the given one on, and
// leaves the cursor at its beginning. Rows are counted as they are in a terminal
// that has been resized since.
func (p *Printer) erase(from, columns int) string {
	if len(p.live) == 0 {
		return ""
	}
	up := -1
	for _, row := range p.live[from:] {
		up += max(1, (xansi.StringWidth(row)+columns-1)/columns)
	}
	s := "\r"
	if up > 0 {
		s += fmt.Sprintf("\x1b[%dA", up)
	}
	return s + "\x1b[J"
}

// write sends one change at once, marked so that a terminal that can shows it
// in one frame.
func (p *Printer) write(s string) {
	if s == "" || p.err != nil {
		return
	}
	if strings.Contains(s, "\x1b[J") {
		s = "\x1b[?2026h" + s + "\x1b[?2026l"
	}
	_, p.err = io.WriteString(p.out, s)
}
