package tokenizer

import (
	"strconv"
	"strings"
)

// Meta is a GGUF file's vocabulary. It has no merges: SentencePiece does not use them, and
// Tekken's follow from the order of its tokens.
type Meta struct {
	Model  string    // tokenizer.ggml.model: "llama" (SentencePiece) or "gpt2" (byte pairs)
	Pre    string    // tokenizer.ggml.pre
	Tokens []string  // tokenizer.ggml.tokens
	Scores []float32 // tokenizer.ggml.scores; needed for SentencePiece
	Types  []int32   // tokenizer.ggml.token_type
	// AddSpacePrefix is tokenizer.ggml.add_space_prefix, true where a
	// SentencePiece vocabulary does not have the key.
	AddSpacePrefix bool
}

// FromGGUF returns the tokenizer of a GGUF file. The error wraps [ErrUnsupported] for a
// vocabulary whose ids may differ from the reference's: of byte-pair vocabularies only
// Tekken's is supported.
func FromGGUF(m Meta) (Tokenizer, error) {
	if len(m.Types) != len(m.Tokens) {
		return nil, unsupported("%d tokens and %d types", len(m.Tokens), len(m.Types))
	}
	switch {
	case m.Model == "llama":
		return m.sentencePiece()
	case m.Model == "gpt2" && m.Pre == "tekken":
		return m.tekken()
	}
	return nil, unsupported("model %q, pre-tokenizer %q", m.Model, m.Pre)
}

func (m *Meta) sentencePiece() (Tokenizer, error) {
	if len(m.Scores) != len(m.Tokens) {
		return nil, unsupported("%d tokens and %d scores", len(m.Tokens), len(m.Scores))
	}
	tokens := make([]spPiece, len(m.Tokens))
	for i := range tokens {
		tokens[i] = spPiece{m.Tokens[i], m.Scores[i], pieceType(m.Types[i])}
	}
	t, err := newSentencePiece(tokens, m.AddSpacePrefix)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// tekken recovers ranks from ids. Special tokens come first, whatever type the
// file gives them; then every text, in the order of its rank, written in GPT-2's
// byte alphabet; after it only tokens that fine-tuning has added.
func (m *Meta) tekken() (Tokenizer, error) {
	first := 0
	for first < len(m.Tokens) && m.Tokens[first] != string(byteRune[0]) {
		first++
	}
	var texts [][]byte
	for i := first; i < len(m.Tokens) && pieceType(m.Types[i]) == typeNormal; i++ {
		text, ok := fromByteRunes(m.Tokens[i])
		if !ok {
			return nil, unsupported("token %d, %q, is not written in bytes", i, m.Tokens[i])
		}
		texts = append(texts, text)
	}
	t, err := newTekken(len(m.Tokens), first, texts)
	if err != nil {
		return nil, err
	}
	for i := range first {
		t.setControl(int32(i), m.Tokens[i])
	}
	for i := first + len(texts); i < len(m.Tokens); i++ {
		switch kind := pieceType(m.Types[i]); {
		case kind == typeControl, kind == typeUnused, kind == typeOwn && looksControl(m.Tokens[i]):
			t.setControl(int32(i), m.Tokens[i])
		default:
			return nil, unsupported("token %d, %q, of type %d, after the texts", i, m.Tokens[i], kind)
		}
	}
	return t, nil
}

// byteRune is GPT-2's alphabet of bytes: a byte that is a visible Latin-1
// character is that character, the others are numbered from U+0100 on.
var byteRune, runeByte = func() (of [256]rune, back map[rune]byte) {
	back = make(map[rune]byte, 256)
	other := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if !('!' <= r && r <= '~' || '¡' <= r && r <= '¬' || '®' <= r && r <= 'ÿ') {
			r = other
			other++
		}
		of[b], back[r] = r, byte(b)
	}
	return of, back
}()

func fromByteRunes(s string) ([]byte, bool) {
	text := make([]byte, 0, len(s))
	for _, r := range s {
		b, ok := runeByte[r]
		if !ok {
			return nil, false
		}
		text = append(text, b)
	}
	return text, len(text) > 0
}

// PieceOf returns the bytes that a token of a GGUF vocabulary stands for, also of vocabularies that
// this package cannot encode with. A control or user-defined token stands for its name.
func PieceOf(m *Meta, id int) []byte {
	text := m.Tokens[id]
	kind := typeNormal
	if id < len(m.Types) {
		kind = pieceType(m.Types[id])
	}
	switch {
	case kind != typeNormal && kind != typeByte:
	case m.Model == "gpt2":
		if b, ok := fromByteRunes(text); ok {
			return b
		}
	case kind == typeByte:
		if b, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(text, "<0x"), ">"), 16, 8); err == nil {
			return []byte{byte(b)}
		}
	default:
		return []byte(strings.ReplaceAll(text, "▁", " "))
	}
	return []byte(text)
}
