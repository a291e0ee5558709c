package enginetest

import (
	"math"
	"strings"
)

// The script's vocabulary: a token for each byte, then control tokens, then words inside
// a sentence, then words that begin one. Text never becomes a control token.
var (
	controls = []string{
		"<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]",
		"[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[PREFIX]", "[SUFFIX]", "[IMG]",
	}
	words = strings.Fields(`
		a across after air alpine and autumn before below bends blows bright bread calm carries cedar clear cold
		comes cools dawn down dry dust east evening falls far fields from gentle grass grows gulls hills hour into
		lake late leaves light long low mistral morning mountain moves night north of old olive on open over past
		pine plain quiet rain rises river rocks rolls roof sea sharp shore sings sky slow snow soft south spring
		steady still stone storm summer sweeps the through to town turns under valley wakes walls warm waves west
		white wide wild wind winter with école été føn poussière ветер 風`)

	vocabulary = listVocabulary()
	byFirst    = indexVocabulary()
)

// Ids of the control tokens.
const (
	idBOS int32 = 256 + iota
	idEOS
	idInst
	idInstEnd
	idSystem
	idSystemEnd
	idTools
	idToolsEnd
	idToolCalls
	idResults
	idResultsEnd
	idPrefix
	idSuffix
	idImage
	idWords // the first word
)

// EndToken is the id of the token with which a [Script] ends an answer.
const EndToken = idEOS

// idStarts is the first of the words that begin a sentence.
var idStarts = idWords + int32(len(words))

func listVocabulary() []string {
	var v []string
	for b := range 256 {
		v = append(v, string([]byte{byte(b)}))
	}
	v = append(v, controls...)
	for _, w := range words {
		v = append(v, " "+w)
	}
	for _, w := range words {
		// Title would turn a word that has no capital into itself, which is fine.
		r := []rune(w)
		v = append(v, strings.ToUpper(string(r[0]))+string(r[1:]))
	}
	return v
}

// indexVocabulary sorts the words by their first byte.
func indexVocabulary() (index [256][]int32) {
	for id := idWords; int(id) < len(vocabulary); id++ {
		b := vocabulary[id][0]
		index[b] = append(index[b], id)
	}
	return index
}

// tokenize takes the longest word at each position, or else a byte. The joined pieces are
// the text.
func tokenize(text string) []int32 {
	var ids []int32
	for len(text) > 0 {
		best, length := int32(text[0]), 1
		for _, id := range byFirst[text[0]] {
			if w := vocabulary[id]; len(w) > length && strings.HasPrefix(text, w) {
				best, length = id, len(w)
			}
		}
		ids = append(ids, best)
		text = text[length:]
	}
	return ids
}

// vector is the sum of a pseudo-random direction for each token, with length 1.
func vector(ids []int32, size int) []float32 {
	v := make([]float32, size)
	for _, id := range ids {
		for i := range v {
			v[i] += float32(unit(mix(uint64(id)<<32|uint64(i))) - 0.5)
		}
	}
	return normalized(v)
}

// normalized scales v to length 1. A null vector, which has no direction, becomes
// the first axis.
func normalized(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	out := make([]float32, len(v))
	if sum == 0 {
		out[0] = 1
		return out
	}
	for i, x := range v {
		out[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return out
}

// mix is splitmix64's finalizer: a hash whose bits are all as good.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit maps a hash to [0, 1).
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// tokenizeSpecial is tokenize for a text in which names of control tokens are those tokens.
func tokenizeSpecial(text string) []int32 {
	for id := idBOS; id < idWords; id++ {
		if before, after, ok := strings.Cut(text, vocabulary[id]); ok && vocabulary[id] != "" {
			return append(append(tokenizeSpecial(before), id), tokenizeSpecial(after)...)
		}
	}
	return tokenize(text)
}
