// Command screenshot converts golden frames of the interface to SVG, for the documentation:
//
//	go run ./scripts/screenshot docs/interface tui/testdata/TestChat/80x24/dark.golden …
//
// It writes one file for each frame to the folder, named after the test.
package main

import (
	"fmt"
	"html"
	"image/color"
	"os"
	"path/filepath"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: screenshot FOLDER GOLDEN…")
		os.Exit(2)
	}
	for _, golden := range os.Args[2:] {
		if err := convert(os.Args[1], golden); err != nil {
			fmt.Fprintln(os.Stderr, "screenshot:", err)
			os.Exit(1)
		}
	}
}

// convert converts one golden file. The frame with colours follows the line of two dashes.
func convert(folder, golden string) error {
	data, err := os.ReadFile(golden)
	if err != nil {
		return err
	}
	_, frame, ok := strings.Cut(string(data), "\n--\n")
	if !ok {
		return fmt.Errorf("%s: not a golden frame", golden)
	}
	var width, height int
	if _, err := fmt.Sscanf(filepath.Base(filepath.Dir(golden)), "%dx%d", &width, &height); err != nil {
		return fmt.Errorf("%s: the folder name is not a size: %w", golden, err)
	}
	test := filepath.Base(filepath.Dir(filepath.Dir(golden)))
	path := filepath.Join(folder, strings.ToLower(strings.TrimPrefix(test, "Test"))+".svg")
	return os.WriteFile(path, []byte(svg(strings.ReplaceAll(frame, "␛", "\x1b"), width, height)), 0o644)
}

const (
	cellWidth, cellHeight = 8.4, 18 // pixels
	margin                = 12
	background            = "#16161d"
	foreground            = "#dcdce0"
)

func svg(frame string, width, height int) string {
	screen := uv.NewScreenBuffer(width, height)
	screen.Method = ansi.GraphemeWidth
	uv.NewStyledString(frame).Draw(screen, screen.Bounds())
	var b strings.Builder
	w, h := float64(width)*cellWidth+2*margin, height*cellHeight+2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="14">`+"\n", w, h)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", background)
	for y := range height {
		for x := 0; x < width; {
			cell := screen.CellAt(x, y)
			if cell == nil || cell.Width == 0 {
				x++
				continue
			}
			// Neighbouring cells with the same style form one text element, up to a space.
			// Therefore each word has a fixed position in any font.
			start, text, cells := x, "", 0
			for style := cell.Style; x < width; {
				next := screen.CellAt(x, y)
				if next == nil || next.Width == 0 || !next.Style.Equal(&style) || cells > 0 && next.Content == " " {
					break
				}
				text += next.Content
				cells += next.Width
				x += next.Width
				if next.Content == " " {
					break
				}
			}
			writeText(&b, start, y, cells, text, cell.Style)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// writeText writes one text element and its background.
func writeText(b *strings.Builder, x, y, cells int, text string, style uv.Style) {
	left, top := margin+float64(x)*cellWidth, margin+y*cellHeight
	fg, bg := style.Fg, style.Bg
	if bg != nil {
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`, left, top, float64(cells)*cellWidth+0.3, cellHeight, hex(bg))
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	attributes := ""
	if style.Attrs&uv.AttrBold != 0 {
		attributes += ` font-weight="bold"`
	}
	if style.Attrs&uv.AttrItalic != 0 {
		attributes += ` font-style="italic"`
	}
	if style.Underline != 0 {
		attributes += ` text-decoration="underline"`
	}
	fill := foreground
	if fg != nil {
		fill = hex(fg)
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%d" textLength="%.1f" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
		left, top+14, float64(cells)*cellWidth, fill, attributes, html.EscapeString(text))
}

func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
