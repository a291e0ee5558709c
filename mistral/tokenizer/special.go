package tokenizer

import "strings"

// EncodeSpecial returns the ids of a text in which the names of control tokens stand for
// those tokens. It is for tools that count and compare, never for prompts: a text could forge
// a turn.
func EncodeSpecial(t Tokenizer, text string) []int32 {
	byFirst := map[byte][]int32{} // control tokens, by the first byte of their names
	for id := range int32(t.Len()) {
		if name := t.Piece(id); len(name) > 1 && t.IsControl(id) {
			byFirst[name[0]] = append(byFirst[name[0]], id)
		}
	}
	var ids []int32
	from := 0 // of the text before the next control token
	plain := func(to int) {
		if to > from {
			ids = append(ids, t.Encode(text[from:to], from > 0)...)
		}
	}
	for i := 0; i < len(text); {
		best, length := int32(-1), 0
		for _, id := range byFirst[text[i]] {
			if name := t.Piece(id); len(name) > length && strings.HasPrefix(text[i:], string(name)) {
				best, length = id, len(name)
			}
		}
		if best < 0 {
			i++
			continue
		}
		plain(i)
		ids = append(ids, best)
		i += length
		from = i
	}
	plain(len(text))
	return ids
}
