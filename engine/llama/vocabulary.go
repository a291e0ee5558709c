//go:build cgo

package llama

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/bise-sh/bise/engine/local"
)

// pieces caches the text of tokens.
type pieces struct {
	m     *model
	texts []string
	known []bool
}

func newPieces(m *model) pieces {
	n := m.vocabulary()
	return pieces{m, make([]string, n), make([]bool, n)}
}

// of is what a token reads as; a control token reads as its name.
func (p *pieces) of(id token) string {
	if !p.known[id] {
		p.texts[id], p.known[id] = p.m.piece(id), true
	}
	return p.texts[id]
}

// vocabulary tokenizes with llama.cpp, for the vocabularies that package
// tokenizer does not read.
type vocabulary struct {
	m     *model
	names map[string]token // of control tokens
	// markup are the spellings among them that text could be written to forge.
	// Others, such as runs of spaces, are how some vocabularies tokenize text.
	markup []string
	bert   bool // a vocabulary of WordPiece without accents
}

func newVocabulary(m *model, kind string) *vocabulary {
	v := &vocabulary{m: m, names: map[string]token{}, bert: kind == "bert"}
	for id := range token(m.vocabulary()) {
		if m.special(id) {
			name := m.piece(id)
			v.names[name] = id
			if len(name) > 2 && (name[0] == '<' || name[0] == '[') && !m.control(id) {
				v.markup = append(v.markup, name)
			}
		}
	}
	return v
}

// Encode tokenizes text without its user-defined tokens, see [local.Split].
func (v *vocabulary) Encode(text string, bare bool) []int32 {
	if v.bert {
		text = withoutAccents(text)
	}
	var ids []int32
	for from, part := range local.Split(text, v.markup) {
		ids = append(ids, v.m.tokenize(part, bare || from > 0)...)
	}
	return ids
}

// withoutAccents decomposes characters and drops combining marks, as BERT's tokenizer does.
// llama.cpp does it only for composed Latin, Greek and Cyrillic letters: Korean and Hindi would get
// other tokens than the model was trained with.
func withoutAccents(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text))
}

func (v *vocabulary) Piece(id int32) []byte   { return []byte(v.m.piece(id)) }
func (v *vocabulary) IsControl(id int32) bool { return v.m.control(id) }
func (v *vocabulary) Len() int                { return v.m.vocabulary() }

func (v *vocabulary) ID(name string) (int32, bool) {
	id, ok := v.names[name]
	return id, ok
}
