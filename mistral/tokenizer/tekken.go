package tokenizer

// tekken is a byte-pair tokenizer whose ranks are the ids, counted from the first text
// token.
type tekken struct {
	vocabulary
	merges merges
	split  splitter
}

// newTekken makes a tokenizer of n tokens. The texts are those of the ids from
// first on, in the order of their ranks: the 256 single bytes, then what they
// merge to. The caller names the other ids.
func newTekken(n, first int, texts [][]byte) (*tekken, error) {
	if len(texts) < 256 {
		return nil, unsupported("%d ranks leave out single bytes", len(texts))
	}
	t := &tekken{vocabulary: newVocabulary(n), merges: newMerges(len(texts)), split: classes()}
	for rank, text := range texts {
		if rank < 256 && (len(text) != 1 || int(text[0]) != rank) {
			return nil, unsupported("rank %d is %q and not that byte", rank, text)
		}
		id := int32(first + rank)
		t.pieces[id] = text
		t.merges.add(string(text), piece{rank: uint32(rank), id: id})
	}
	if len(t.merges.of) != len(texts) {
		return nil, unsupported("%d ranks for %d texts", len(texts), len(t.merges.of))
	}
	return t, nil
}

func (t *tekken) Encode(text string, _ bool) []int32 {
	text = valid(text)
	ids := make([]int32, 0, len(text)/3+1)
	var symbols []symbol
	for len(text) > 0 {
		n := t.split.pretoken(text)
		if p, ok := t.merges.find(text[:n]); ok { // taken whole, whatever merging would give
			ids = append(ids, p.id)
		} else {
			symbols = symbols[:0]
			for i := range n + 1 {
				symbols = append(symbols, symbol{start: int32(i)})
			}
			symbols = t.merges.join(text, symbols)
			for i := range len(symbols) - 1 {
				ids = append(ids, t.merges.of[text[symbols[i].start:symbols[i+1].start]].id)
			}
		}
		text = text[n:]
	}
	return ids
}
