package wire

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

// Tokens are token ids and their pieces, as llama.cpp's server writes them.
type Tokens struct {
	IDs    []int32 `json:"tokens"`
	Pieces []Piece `json:"pieces,omitempty"`
}

// A Piece is what a token reads as: a string, or in JSON a list of bytes where
// it is not whole runes.
type Piece string

// MarshalJSON writes a string or a list of bytes.
func (p Piece) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(p)) {
		return json.Marshal(string(p))
	}
	numbers := make([]int, len(p))
	for i := range len(p) {
		numbers[i] = int(p[i])
	}
	return json.Marshal(numbers)
}

// UnmarshalJSON reads a string or a list of bytes.
func (p *Piece) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, (*string)(p))
	}
	var numbers []int
	if err := json.Unmarshal(data, &numbers); err != nil {
		return err
	}
	*p = Piece(fromBytes("", numbers))
	return nil
}

// Join is the text of pieces, which can be parts of runes.
func Join(pieces []string) string { return strings.ToValidUTF8(strings.Join(pieces, ""), "\uFFFD") }

// NewTokens gives tokens their shape on the wire.
func NewTokens(t engine.Tokens) Tokens {
	w := Tokens{IDs: t.IDs}
	if w.IDs == nil {
		w.IDs = []int32{}
	}
	for _, p := range t.Pieces {
		w.Pieces = append(w.Pieces, Piece(p))
	}
	return w
}

// Engine returns the argument of NewTokens.
func (w Tokens) Engine() engine.Tokens {
	t := engine.Tokens{IDs: w.IDs}
	for _, p := range w.Pieces {
		t.Pieces = append(t.Pieces, string(p))
	}
	return t
}
