// Package markdown prints a Markdown text on a terminal while it grows.
//
// A block (a paragraph, a list, a code block) is shown as plain text while it grows.
// When it is finished it is drawn in its place and never changes again. So nothing
// moves while the user reads it, and the scrollback has every block once.
package markdown

import (
	"fmt"
	"io"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"
)

// A Printer prints one text. An output error is returned by every later call. It
// belongs to one goroutine.
type Printer struct {
	out    io.Writer
	size   func() (columns, rows int)
	render *Renderer
	blocks Blocks

	live    []string // the rows of the growing block on the screen
	printed bool     // a block has been drawn above
	err     error
}

// NewPrinter returns a printer for a terminal. It calls size at every change. The text
// must not have control characters.
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

// Close draws the unfinished blocks and leaves the cursor below them.
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

// tail returns the last rows of the growing block: as many as fit the screen with one
// to spare, because rows that have scrolled away cannot be erased.
func (p *Printer) tail(columns, rows int) []string {
	text := strings.TrimRight(p.blocks.Growing(), "\n")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	most := max(1, rows-1)
	lines := strings.Split(ExpandTabs(text), "\n")
	lines = lines[max(0, len(lines)-most):]
	// A row never fills the width: terminals differ in where the cursor is after the
	// last column.
	width := max(1, min(widest, columns-1))
	var out []string
	if p.printed {
		out = append(out, "")
	}
	for _, line := range lines {
		out = append(out, strings.Split(xansi.Wrap(line, width, ""), "\n")...)
	}
	return out[max(0, len(out)-most):]
}

// update returns what changes the rows on the screen into these.
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
		same = min(same, max(0, len(live)-1)) // the cursor stays in the last row
		b.WriteString(p.erase(same, columns))
		b.WriteString(strings.Join(live[same:], "\n"))
	}
	p.live = live
	return b.String()
}

// erase returns what clears the rows of the growing block after the first from, and
// leaves the cursor at the beginning of the cleared rows. It counts rows as they are
// after the terminal was resized.
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

// write sends one change at once, marked so that terminals with synchronized output
// show it in one frame.
func (p *Printer) write(s string) {
	if s == "" || p.err != nil {
		return
	}
	if strings.Contains(s, "\x1b[J") {
		s = "\x1b[?2026h" + s + "\x1b[?2026l"
	}
	_, p.err = io.WriteString(p.out, s)
}
