//go:build cgo

package llama

// pieces remembers what tokens read as.
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
}

func newVocabulary(m *model) *vocabulary {
	v := &vocabulary{m: m, names: map[string]token{}}
	for id := range token(m.vocabulary()) {
		if m.special(id) {
			v.names[m.piece(id)] = id
		}
	}
	return v
}

func (v *vocabulary) Encode(text string, bare bool) []int32 { return v.m.tokenize(text, bare) }
func (v *vocabulary) Piece(id int32) []byte                 { return []byte(v.m.piece(id)) }
func (v *vocabulary) IsControl(id int32) bool               { return v.m.control(id) }
func (v *vocabulary) Len() int                              { return v.m.vocabulary() }

func (v *vocabulary) ID(name string) (int32, bool) {
	id, ok := v.names[name]
	return id, ok
}
