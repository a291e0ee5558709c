package latex

// A node is a part of a formula.
type node interface{ class() class }

// class is the kind of a part, which determines the space around it: TeX's atom types
// (The TeXbook, chapter 18), without types that look the same on a screen.
type class int

const (
	ordinary    class = iota
	operator          // sin, ∑
	binary            // +
	relation          // =
	opening           // (
	closing           // )
	punctuation       // ,
	inner             // a fraction, a matrix
	glue              // explicit space
)

type (
	// row has parts beside each other.
	row []node
	// symbol is text that is drawn as it is.
	symbol struct {
		text string
		kind class
		// limits places scripts above and below on own lines.
		limits bool
	}
	// space is blank cells.
	space    int
	fraction struct {
		above, below node
		bar          bool
	}
	root struct{ index, body node } // index may be nil
	// scripts are at the right of a base, or above and below it.
	scripts struct {
		base, sub, sup node // sub and sup may be nil
		limits         bool
	}
	// fence is a body between delimiters that grow with it. Either can be "".
	fence struct {
		left, right string
		body        node
	}
	// grid has cells in rows and columns.
	grid struct {
		rows  [][]node
		align string // of each column, repeated: l, c or r
		gap   int    // cells between columns
		// paired draws columns 1 and 2, 3 and 4, … without space, as around the &
		// of an aligned system.
		paired bool
		bars   []int // columns with a line before them
		rules  []int // rows with a line before them
	}
	// accent is a mark over a body: a combining character, or a line over all of
	// it.
	accent struct {
		body  node
		mark  rune
		over  string // for a body of several letters: a character, or a line's
		line  arrow  // over the body, if not the character
		below bool
	}
	// brace is a brace over or under a body.
	brace struct {
		body  node
		below bool
	}
	// stack is a base with small parts above and below.
	stack struct {
		base, above, below node
		kind               class
		arrow              arrow // replaces the base; as wide as the parts
	}
	boxed struct{ body node }

	// arrow is a horizontal line of any length with ends.
	arrow struct{ left, line, right string }
)

func (row) class() class       { return ordinary }
func (s symbol) class() class  { return s.kind }
func (space) class() class     { return glue }
func (fraction) class() class  { return inner }
func (root) class() class      { return ordinary }
func (s scripts) class() class { return s.base.class() }
func (fence) class() class     { return ordinary }
func (grid) class() class      { return inner }
func (accent) class() class    { return ordinary }
func (brace) class() class     { return inner }
func (s stack) class() class   { return s.kind }
func (boxed) class() class     { return inner }
