package tokenizer

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// pieceType is SentencePiece's, and with the same numbers GGUF's.
type pieceType int32

const (
	typeNormal  pieceType = 1
	typeUnknown pieceType = 2
	typeControl pieceType = 3
	typeOwn     pieceType = 4 // user-defined: matched as a whole before any merging
	typeUnused  pieceType = 5
	typeByte    pieceType = 6
)

// spPiece is one entry of a SentencePiece vocabulary. Spaces are U+2581 in it.
type spPiece struct {
	text  string
	score float32 // of merges, the highest first
	kind  pieceType
}

// spaceMark stands for a space in pieces. Text that has the mark itself is read as a
// space, as SentencePiece does.
const spaceMark = "▁"

// sentencePiece is a byte-pair tokenizer over runes; runes outside the vocabulary are
// written as bytes.
type sentencePiece struct {
	vocabulary
	merges merges
	bytes  [256]int32
	own    []string // user-defined pieces, the longest first
	ownIDs map[string]int32
	dummy  bool // a space is put in front of every text that is not bare
	inside runePairs
}

func newSentencePiece(tokens []spPiece, dummy bool) (*sentencePiece, error) {
	t := &sentencePiece{
		vocabulary: newVocabulary(len(tokens)),
		merges:     newMerges(len(tokens)),
		ownIDs:     make(map[string]int32),
		dummy:      dummy,
	}
	ranks, err := scoreRanks(tokens)
	if err != nil {
		return nil, err
	}
	bytes := 0
	for i, p := range tokens {
		id := int32(i)
		text := strings.ReplaceAll(p.text, spaceMark, " ")
		t.pieces[id] = []byte(text)
		switch {
		case p.kind == typeUnknown || p.kind == typeControl || p.kind == typeOwn && looksControl(p.text):
			t.setControl(id, p.text)
		case p.kind == typeUnused && strings.HasPrefix(p.text, "[PAD"): // fills a vocabulary up to a round size
		case p.kind == typeByte:
			var b byte
			if _, err := fmt.Sscanf(p.text, "<0x%02X>", &b); err != nil || len(p.text) != len("<0x00>") {
				return nil, unsupported("byte piece %d is %q", id, p.text)
			}
			t.bytes[b] = id
			t.pieces[id] = []byte{b}
			bytes++
		case p.text == "" || strings.Contains(p.text, " ") || !utf8.ValidString(p.text):
			return nil, unsupported("piece %d is %q", id, p.text)
		case p.kind == typeNormal:
			if _, twice := t.merges.of[text]; twice {
				return nil, unsupported("piece %d repeats %q", id, p.text)
			}
			t.merges.add(text, piece{rank: ranks[p.score], id: id})
			t.inside.add(text)
		case p.kind == typeOwn && text == p.text:
			t.own = append(t.own, text)
			t.ownIDs[text] = id
		default:
			return nil, unsupported("piece %d, %q, is of type %d", id, p.text, p.kind)
		}
	}
	if bytes != 256 {
		return nil, unsupported("%d byte pieces", bytes)
	}
	slices.SortFunc(t.own, func(a, b string) int { return len(b) - len(a) })
	return t, nil
}

// scoreRanks turns scores into ranks, equal ones for equal scores.
func scoreRanks(tokens []spPiece) (map[float32]uint32, error) {
	ranks := make(map[float32]uint32)
	normal := 0
	for _, p := range tokens {
		if p.score != p.score || math.IsInf(float64(p.score), 0) {
			return nil, unsupported("a score is %v", p.score)
		}
		if p.kind == typeNormal {
			normal++
			ranks[p.score] = 0
		}
	}
	// Converters without scores write one number for all pieces.
	if len(ranks) < normal/2 {
		return nil, unsupported("%d pieces share %d scores", normal, len(ranks))
	}
	sorted := make([]float32, 0, len(ranks))
	for s := range ranks {
		sorted = append(sorted, s)
	}
	slices.Sort(sorted)
	for i, s := range sorted {
		ranks[s] = uint32(len(sorted) - 1 - i)
	}
	return ranks, nil
}

// looksControl reports whether a user-defined piece looks like a control token, such as
// <|im_start|> and [INST]. The user-defined text pieces of Mistral's vocabularies all
// begin with [REF or [/REF.
func looksControl(text string) bool {
	if strings.HasPrefix(text, "<|") && strings.HasSuffix(text, "|>") {
		return true
	}
	name, opens := strings.CutPrefix(text, "[")
	name, closes := strings.CutSuffix(name, "]")
	name = strings.TrimPrefix(name, "/")
	return opens && closes && name != "" && !strings.HasPrefix(name, "REF") && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

func (t *sentencePiece) Encode(text string, bare bool) []int32 {
	text = valid(text)
	if text == "" {
		return nil
	}
	text = strings.ReplaceAll(text, spaceMark, " ")
	if t.dummy && !bare {
		text = " " + text
	}
	w := spWriter{sentencePiece: t, ids: make([]int32, 0, len(text)/3+2), seen: make(map[string][2]int32)}
	// Merging works on the text as a whole, but no piece has in it two runes that
	// meet in no piece, so the text falls apart between such runes.
	from, before := 0, utf8.RuneError
	for i := 0; i < len(text); {
		if own := t.ownAt(text[i:]); own != "" {
			w.write(text[from:i])
			w.ids = append(w.ids, t.ownIDs[own])
			i += len(own)
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if i > from && !t.inside.has(before, r) {
			w.write(text[from:i])
			from = i
		}
		w.symbols = append(w.symbols, symbol{start: int32(i - from)})
		before = r
		i += n
	}
	w.write(text[from:])
	return w.ids
}

// ownAt returns the longest user-defined piece at the beginning of text.
func (t *sentencePiece) ownAt(text string) string {
	for _, own := range t.own {
		if text[0] == own[0] && strings.HasPrefix(text, own) {
			return own
		}
	}
	return ""
}

// spWriter writes the ids of one text, part by part.
type spWriter struct {
	*sentencePiece
	ids     []int32
	symbols []symbol            // of the part at hand
	seen    map[string][2]int32 // cached parts: the range of their ids in ids
}

// Limits of the cache of parts: bytes of a part, and number of parts.
const (
	memorable  = 32
	remembered = 1 << 16
)

func (w *spWriter) write(part string) {
	if part == "" {
		return
	}
	at, seen := w.seen[part]
	if seen {
		w.ids = append(w.ids, w.ids[at[0]:at[1]]...)
		w.symbols = w.symbols[:0]
		return
	}
	begin := int32(len(w.ids))
	s := w.merges.join(part, append(w.symbols, symbol{start: int32(len(part))}))
	for i := range len(s) - 1 {
		text := part[s[i].start:s[i+1].start]
		if p, ok := w.merges.find(text); ok {
			w.ids = append(w.ids, p.id)
			continue
		}
		if text == " " {
			text = spaceMark
		}
		for _, b := range []byte(text) {
			w.ids = append(w.ids, w.bytes[b])
		}
	}
	if len(part) <= memorable && len(w.seen) < remembered {
		w.seen[part] = [2]int32{begin, int32(len(w.ids))}
	}
	w.symbols = s[:0]
}

// runePairs are the pairs of adjacent runes in pieces.
type runePairs struct {
	ascii [utf8.RuneSelf][utf8.RuneSelf]bool
	other map[[2]rune]struct{}
}

func (p *runePairs) add(text string) {
	before := utf8.RuneError
	for i, r := range text {
		switch {
		case i == 0:
		case before < utf8.RuneSelf && r < utf8.RuneSelf:
			p.ascii[before][r] = true
		default:
			if p.other == nil {
				p.other = make(map[[2]rune]struct{})
			}
			p.other[[2]rune{before, r}] = struct{}{}
		}
		before = r
	}
}

func (p *runePairs) has(a, b rune) bool {
	if a < utf8.RuneSelf && b < utf8.RuneSelf {
		return p.ascii[a][b]
	}
	_, ok := p.other[[2]rune{a, b}]
	return ok
}
