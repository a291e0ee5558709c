// Package latex draws mathematics written in LaTeX as Unicode text: on one line
// where it stands in a sentence, in two dimensions where it stands by itself.
//
// A formula is parsed into a tree ([parse]), and the tree drawn as boxes of
// character cells that are set beside and above each other, as TeX does with
// glue left out. What cannot be read is told, not guessed: the caller then shows
// the source, so nothing that was written is lost.
//
// Formulas are foreign text. Their length, depth and size on the screen are
// bounded, and control characters in them are refused.
package latex

import "errors"

// The bounds of a formula. Ten times what a page of a textbook needs.
const (
	maxSource = 16 << 10 // bytes
	maxDepth  = 96       // groups and arguments in each other
	maxCells  = 64 << 10 // of a drawing
)

// ErrSource is a formula that cannot be read or drawn.
var ErrSource = errors.New("not a formula that can be drawn")

// A Drawing is a formula as lines of text, all equally wide.
type Drawing struct {
	Lines    []string
	Width    int // in cells
	Baseline int // the line that stands level with the text around it, from 0
}

// Draw draws a formula that stands by itself in at most so many columns. What is
// wider is broken before relations and operators. It is ErrSource when the
// formula cannot be read, or not be had so narrow.
func Draw(source string, columns int) (Drawing, error) {
	tree, err := parse(source)
	if err != nil {
		return Drawing{}, err
	}
	b, ok := fit(tree, columns)
	if !ok {
		return Drawing{}, ErrSource
	}
	return Drawing{Lines: b.lines, Width: b.width, Baseline: b.baseline}, nil
}

// Inline writes a formula on one line, as it stands in a sentence: fractions
// with a slash, limits beside their operator.
func Inline(source string) (string, error) {
	tree, err := parse(source)
	if err != nil {
		return "", err
	}
	d := drawer{flat: true}
	b := d.draw(tree, false)
	if d.large {
		return "", ErrSource
	}
	return b.lines[0], nil
}
