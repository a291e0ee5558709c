// Package tokenizer converts text to the tokens of Mistral's models and back.
//
// It implements both kinds: SentencePiece byte-pair models with byte fallback (7B,
// Mixtral, Codestral, Large) and Tekken, ranked byte pairs behind a splitting pattern
// (NeMo and all later models). Both return the ids of mistral-common. A vocabulary comes
// from a GGUF file ([FromGGUF]), from tekken.json ([ReadTekken]) or from tokenizer.model
// ([ReadSentencePiece]).
//
// Text never becomes a control token: a prompt layout adds control tokens with
// [Tokenizer.ID]. Text that is not UTF-8 is read like Python's decode(errors="replace"),
// with U+FFFD for each ill-formed part, since mistral-common only gets valid text.
//
// Tokenizers are immutable and may be used from any goroutine.
package tokenizer

import (
	"errors"
	"fmt"
)

// ErrUnsupported reports a vocabulary that this package cannot tokenize exactly.
var ErrUnsupported = errors.New("vocabulary not supported")

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnsupported}, args...)...)
}

// A Tokenizer converts text with one vocabulary.
type Tokenizer interface {
	// Encode returns the ids of a text, never control tokens. Bare leaves out the space
	// that SentencePiece puts before a text; Tekken adds none.
	Encode(text string, bare bool) []int32
	// Piece returns the bytes of a token, which may be part of a rune, or a control
	// token's name. It is nil for an invalid id, and must not be modified.
	Piece(id int32) []byte
	// ID finds a control token by its name, such as "[INST]".
	ID(name string) (int32, bool)
	// IsControl reports whether a token is a control token.
	IsControl(id int32) bool
	// Len is the number of tokens; ids are below it.
	Len() int
}

// vocabulary is what the two kinds of tokenizer have in common.
type vocabulary struct {
	pieces  [][]byte
	control []bool           // by id
	named   map[string]int32 // control tokens
}

func newVocabulary(n int) vocabulary {
	return vocabulary{pieces: make([][]byte, n), control: make([]bool, n), named: make(map[string]int32)}
}

// setControl makes id a control token. Of two with one name the first is found.
func (v *vocabulary) setControl(id int32, name string) {
	v.pieces[id], v.control[id] = []byte(name), true
	if _, taken := v.named[name]; !taken {
		v.named[name] = id
	}
}

func (v *vocabulary) Piece(id int32) []byte {
	if id < 0 || int(id) >= len(v.pieces) {
		return nil
	}
	return v.pieces[id]
}

func (v *vocabulary) ID(name string) (int32, bool) {
	id, ok := v.named[name]
	return id, ok
}

func (v *vocabulary) IsControl(id int32) bool {
	return id >= 0 && int(id) < len(v.control) && v.control[id]
}

func (v *vocabulary) Len() int { return len(v.pieces) }
