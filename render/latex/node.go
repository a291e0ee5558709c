package latex

// A node is a part of a formula.
type node interface{ class() class }

// class is what kind of atom a part is, which decides the space around it: TeX's
// atom types (The TeXbook, chapter 18), without the ones that make no difference
// on a screen.
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
	glue              // space that was asked for
)

type (
	// row is parts beside each other.
	row []node
	// symbol is text that stands as it is.
	symbol struct {
		text string
		kind class
		// limits says that scripts go above and below in a formula by itself.
		limits bool
	}
	// space is blank cells.
	space    int
	fraction struct {
		above, below node
		bar          bool
	}
	root struct{ index, body node } // index may be nil
	// scripts are what stands at the right of a base, or above and below it.
	scripts struct {
		base, sub, sup node // sub and sup may be nil
		limits         bool
	}
	// fence is a body between delimiters that grow with it. Either may be "".
	fence struct {
		left, right string
		body        node
	}
	// grid is cells in rows and columns.
	grid struct {
		rows  [][]node
		align string // of each column, repeated: l, c or r
		gap   int    // cells between columns
		// paired says that columns 1 and 2, 3 and 4, … meet without a gap, as
		// around the & of an aligned system.
		paired bool
		bars   []int // columns before which a line stands
		rules  []int // rows before which a line stands
	}
	// accent is a mark over a body: a combining character, or a line that
	// spans it.
	accent struct {
		body  node
		mark  rune
		over  string // the line's character, where the body is no single letter
		below bool
	}
	// brace is a brace that spans a body.
	brace struct {
		body  node
		below bool
	}
	// stack is a base with something small above and below.
	stack struct {
		base, above, below node
		kind               class
	}
	boxed struct{ body node }
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
