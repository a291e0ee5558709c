package scheduler

import (
	"context"
	"errors"
)

// A Token is an entry of a vocabulary. The tokens of images are negative.
type Token = int32

// A Machine is a model and its context: sequences of tokens that share the cells of one KV
// cache. Only the scheduler's goroutine calls it, except where a method says otherwise.
type Machine interface {
	// Piece is the text of a token, which may be part of a rune. Control tokens have their name.
	Piece(Token) string
	Control(Token) bool
	Enders() []Token // that end an answer
	Recurrent() bool // the memory cannot forget the end of a sequence

	// Tokens is how many tokens the context holds.
	Tokens() int
	// Resize replaces the context with an empty one of another size. If that fails, the new
	// context has the old size.
	Resize(tokens int) error
	// CanResize reports whether memory allows a context of tokens beside the conversations
	// of the present one; HasSpare, whether it would also leave half of the free memory.
	CanResize(tokens int) bool
	HasSpare(tokens int) bool

	// Add puts a token into the batch, at a position of a sequence, and returns its row. Its
	// logits are computed if output is set.
	Add(id Token, pos, seq int, output bool) (row int)
	ClearBatch()
	BatchLen() int
	// Outputs is how many tokens of a batch can have logits: a row is as long as the
	// vocabulary. Probs returns the probability of a token after a row, first, and those of the
	// top likeliest.
	Outputs() int
	Probs(row int, id Token, top int) []Prob
	// Logits copies the logits of a row.
	Logits(row int) []float32
	// Decode evaluates the batch. After ErrAborted and ErrNoCells no token of it is in memory.
	Decode() error
	// DecodeImage evaluates tokens from..from+n of an image, at their positions of a sequence.
	DecodeImage(i Image, from, n, seq int) error

	// Remove takes positions from..to (to < 0: the end) out of a sequence. It returns false if
	// the memory cannot forget a part.
	Remove(seq, from, to int) bool
	// Share lets dst have the cells of src before position end (end < 0: all).
	Share(src, dst, end int)
	// Last is the last position of a sequence, -1 for none.
	Last(seq int) int
	SaveState(seq int) ([]byte, error)
	LoadState(seq int, state []byte) error

	// Begin, Nodes and Interrupt follow the computation of a batch from any goroutine: Begin
	// sets the count of computed graph nodes to zero, and Interrupt(true) makes Decode
	// return ErrAborted soon.
	Begin()
	Nodes() int64
	Interrupt(bool)
}

// ErrNoCells and ErrAborted are errors of Decode.
var (
	ErrNoCells = errors.New("no room in the KV cache")
	ErrAborted = errors.New("aborted")
)

// A Prob is a token with the natural logarithm of its probability.
type Prob struct {
	ID      Token
	Logprob float64
}

// A Sampler chooses the tokens of an answer.
type Sampler interface {
	// Sample chooses from a row of the last batch. probs has the chosen token first, then
	// the top likeliest; it is nil if top < 0. ok is false if no token is possible.
	Sample(row int, banned []Token, top int) (id Token, probs []Prob, ok bool)
	// Accept adds a token that was not sampled to the penalties.
	Accept(Token)
	// Fits reports whether the grammar accepts the token next.
	Fits(Token) bool
	// Constrain replaces the grammar; "" takes it away. It may take long. It is called from
	// another goroutine, and no other method meanwhile.
	Constrain(ctx context.Context, grammar string) error
	Free()
}
