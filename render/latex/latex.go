// Package latex draws LaTeX formulas as Unicode text: on one line within a sentence, in
// two dimensions on their own lines.
//
// [parse] reads a formula into a tree. The tree is drawn as boxes of character cells,
// beside and above each other as in TeX, but without glue. A formula that cannot be
// parsed is an error, never a guess: the caller then shows the source.
//
// Formulas are foreign text. Their length, depth and drawn size are bounded, and
// control characters in them are refused.
package latex

import "errors"

// The bounds of a formula: ten times what a page of a textbook needs.
const (
	maxSource = 16 << 10 // bytes
	maxDepth  = 96       // groups and arguments in each other
	maxCells  = 64 << 10 // of a drawing
)

// ErrSource reports a formula that cannot be parsed or drawn.
var ErrSource = errors.New("unsupported formula")

// A Drawing is a formula as lines of text, all equally wide.
type Drawing struct {
	Lines    []string
	Width    int // in cells
	Baseline int // the line level with the text around it, from 0
}

// Draw draws a formula on its own lines in at most the given columns. It breaks a wider
// one before relations and operators. The error is ErrSource when the formula cannot be
// parsed, or does not fit.
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

// Inline draws a formula on one line, for use within a sentence: fractions with a
// slash, limits beside their operator.
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
