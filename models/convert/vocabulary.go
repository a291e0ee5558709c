package convert

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// Types of tokens: enum llama_token_type of llama.h.
const (
	normal      = 1
	unknown     = 2
	control     = 3
	userDefined = 4 // user-defined
	unused      = 5
	byteToken   = 6
)

// A vocabulary is a tokenizer in the form of GGUF.
type vocabulary struct {
	file   string // of the tokenizer
	tekken bool   // else SentencePiece
	tokens []string
	types  []int32
	scores []float32 // of SentencePiece
	merges []string  // of Tekken

	bos, eos, unk, pad int32 // -1 for none
	noPrefix           bool  // of SentencePiece: do not prepend a space to text

	version  string // of the prompt format; "": not stated
	settings string // model_settings_builder of tekken.json
	extended bool   // fine-tuning has added tokens
}

// numbered matches a SentencePiece file with a version.
var numbered = regexp.MustCompile(`^tokenizer\.model\.v(\d{1,3})(m\d{1,3})?$`)

// readVocabulary reads the tokenizer of a folder. It prefers Mistral's files, which have a
// version.
func readVocabulary(f *folder) (*vocabulary, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	var v *vocabulary
	switch name, version := newest(names); {
	case slices.Contains(names, "tekken.json"):
		v, err = readTekken(f, "tekken.json")
	case name != "":
		if v, err = readSentencePiece(f, name); err == nil {
			v.version = version
		}
	case slices.Contains(names, "tokenizer.model"):
		v, err = readSentencePiece(f, "tokenizer.model")
	case slices.Contains(names, "tokenizer.json"):
		v, err = readTokenizerJSON(f, "tokenizer.json")
	default:
		return nil, fault.Advise(fileErrorf(f.path, "has no tokenizer"), "Put tekken.json, tokenizer.model or tokenizer.json beside the weights.")
	}
	if err != nil {
		return nil, err
	}
	if v.file == "tokenizer.model" {
		if err := v.added(f); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func newest(names []string) (name, version string) {
	best := -1
	for _, n := range names {
		m := numbered.FindStringSubmatch(n)
		if m == nil {
			continue
		}
		if i, _ := strconv.Atoi(m[1]); i > best {
			best, name, version = i, n, "v"+m[1]
		}
	}
	return name, version
}

func readTekken(f *folder, name string) (*vocabulary, error) {
	data, err := f.read(name, maxTokenizer)
	if err != nil {
		return nil, err
	}
	file, err := tokenizer.ReadTekken(bytes.NewReader(data))
	if err == nil {
		_, err = file.Tokenizer() // reports an invalid file
	}
	if err != nil {
		return nil, fileErrorf(name, "cannot be used: %v", err)
	}
	v := tekkenVocabulary(name, file.Special, file.Texts)
	v.version = file.PromptVersion()
	if len(file.Settings) > 0 {
		var b bytes.Buffer
		if err := json.Compact(&b, file.Settings); err != nil {
			return nil, fileErrorf(name, "has settings that cannot be read: %v", err)
		}
		v.settings = b.String()
	}
	return v, nil
}

func tekkenVocabulary(file string, special []string, texts [][]byte) *vocabulary {
	v := &vocabulary{file: file, tekken: true, pad: -1}
	for _, name := range special {
		v.add(name, control)
	}
	for _, text := range texts {
		v.add(tokenizer.PieceText(text), normal)
	}
	v.merges = mergesOf(texts)
	v.bos, v.eos, v.unk, v.pad = v.tokenID("<s>"), v.tokenID("</s>"), v.tokenID("<unk>"), v.tokenID("<pad>")
	return v
}

func (v *vocabulary) add(token string, kind int32) {
	v.tokens = append(v.tokens, token)
	v.types = append(v.types, kind)
}

// tokenID is the id of a control token, -1 for none.
func (v *vocabulary) tokenID(name string) int32 {
	for id, t := range v.tokens {
		if t == name && v.types[id] != normal {
			return int32(id)
		}
	}
	return -1
}

// mergesOf computes BPE merges from ranks: every split of a text into two texts, by the ranks
// of the whole, the left part and the right part.
func mergesOf(texts [][]byte) []string {
	ranks := make(map[string]int, len(texts))
	pieces := make([]string, len(texts))
	for rank, text := range texts {
		ranks[string(text)] = rank
		pieces[rank] = tokenizer.PieceText(text)
	}
	type pair struct{ left, right int }
	var merges []string
	var cuts []pair
	for _, text := range texts {
		cuts = cuts[:0]
		for i := 1; i < len(text); i++ {
			left, ok := ranks[string(text[:i])]
			if !ok {
				continue
			}
			if right, ok := ranks[string(text[i:])]; ok {
				cuts = append(cuts, pair{left, right})
			}
		}
		slices.SortFunc(cuts, func(a, b pair) int { return cmp.Or(cmp.Compare(a.left, b.left), cmp.Compare(a.right, b.right)) })
		for _, c := range cuts {
			merges = append(merges, pieces[c.left]+" "+pieces[c.right])
		}
	}
	return merges
}

func readSentencePiece(f *folder, name string) (*vocabulary, error) {
	data, err := f.read(name, maxTokenizer)
	if err != nil {
		return nil, err
	}
	file, err := tokenizer.ReadSentencePiece(data)
	if err == nil {
		_, err = file.Tokenizer()
	}
	if err != nil {
		return nil, fileErrorf(name, "cannot be used: %v", err)
	}
	v := &vocabulary{file: name, bos: file.BOS, eos: file.EOS, unk: file.Unknown, pad: file.Pad, noPrefix: !file.DummyPrefix()}
	for _, p := range file.Pieces {
		v.add(p.Text, p.Type)
		v.scores = append(v.scores, p.Score)
	}
	return v, nil
}

// addedToken is an added token of a tokenizer of transformers.
type addedToken struct {
	ID      *int   `json:"id"` // in tokenizer.json only
	Content string `json:"content"`
	Special bool   `json:"special"`
}

// added adds the tokens of a fine-tuned SentencePiece vocabulary.
func (v *vocabulary) added(f *folder) error {
	more := map[int]addedToken{}
	var config struct {
		Decoder map[string]addedToken `json:"added_tokens_decoder"`
	}
	var ids map[string]int
	for name, to := range map[string]any{"tokenizer_config.json": &config, "added_tokens.json": &ids} {
		if !f.has(name) {
			continue
		}
		if err := f.decode(name, maxTokenizer, to); err != nil {
			return err
		}
	}
	for content, id := range ids {
		more[id] = addedToken{Content: content}
	}
	for key, t := range config.Decoder {
		id, err := strconv.Atoi(key)
		if err != nil {
			return fileErrorf("tokenizer_config.json", "has an added token with the id %q", key)
		}
		more[id] = t
	}
	for _, id := range slices.Sorted(maps.Keys(more)) {
		t := more[id]
		switch {
		case id < 0 || id > len(v.tokens):
			return fileErrorf(v.file, "has %d tokens, but the added token %q has the id %d", len(v.tokens), t.Content, id)
		case id < len(v.tokens):
			continue
		case !utf8.ValidString(t.Content) || t.Content == "":
			return fileErrorf("tokenizer_config.json", "adds the token %q", t.Content)
		}
		kind := int32(userDefined)
		if t.Special {
			kind = control
		}
		v.add(t.Content, kind)
		v.scores = append(v.scores, -1000)
		v.extended = true
	}
	return nil
}

// readTokenizerJSON reads Tekken in the format of transformers: special tokens, then the 256
// bytes in order, then merged tokens.
func readTokenizerJSON(f *folder, name string) (*vocabulary, error) {
	data, err := f.read(name, maxTokenizer)
	if err != nil {
		return nil, err
	}
	return parseTokenizerJSON(name, data)
}

func parseTokenizerJSON(name string, data []byte) (*vocabulary, error) {
	var doc struct {
		Added []addedToken `json:"added_tokens"`
		Model struct {
			Type  string         `json:"type"`
			Vocab map[string]int `json:"vocab"`
		} `json:"model"`
	}
	if err := decodeConfig(name, data, &doc); err != nil {
		return nil, err
	}
	tokens := map[int]string{}
	for text, id := range doc.Model.Vocab {
		if before, twice := tokens[id]; twice {
			return nil, fileErrorf(name, "gives the id %d to %q and to %q", id, min(before, text), max(before, text))
		}
		tokens[id] = text
	}
	special := map[int]bool{}
	for _, t := range doc.Added {
		if t.ID == nil {
			return nil, fileErrorf(name, "adds the token %q without an id", t.Content)
		}
		tokens[*t.ID] = t.Content
		special[*t.ID] = t.Special
	}
	list := make([]string, len(tokens))
	for id, text := range tokens {
		if id < 0 || id >= len(list) {
			return nil, fileErrorf(name, "has %d tokens and an id of %d", len(list), id)
		}
		list[id] = text
	}
	first, ok := firstByte(list)
	if !ok {
		return nil, fault.Advise(fileErrorf(name, "is not a Tekken vocabulary"), "Put tekken.json or tokenizer.model of the base model beside it.")
	}
	var texts [][]byte
	end := first
	for ; end < len(list); end++ {
		if _, added := special[end]; added {
			break
		}
		text, ok := bytesOf(list[end])
		if !ok {
			return nil, fileErrorf(name, "has an invalid token %q", list[end])
		}
		texts = append(texts, text)
	}
	v := tekkenVocabulary(name, list[:first], texts)
	for id := end; id < len(list); id++ {
		kind := int32(userDefined)
		if special[id] {
			kind = control
		}
		v.add(list[id], kind)
		v.extended = true
	}
	return v, nil
}

func firstByte(tokens []string) (int, bool) {
	first := slices.Index(tokens, tokenizer.PieceText([]byte{0}))
	if first < 0 || first+256 > len(tokens) {
		return 0, false
	}
	for b := range 256 {
		if tokens[first+b] != tokenizer.PieceText([]byte{byte(b)}) {
			return 0, false
		}
	}
	return first, true
}

// byteOf inverts the alphabet of [tokenizer.PieceText].
var byteOf = func() map[rune]byte {
	of := make(map[rune]byte, 256)
	for b := range 256 {
		r, _ := utf8.DecodeRuneInString(tokenizer.PieceText([]byte{byte(b)}))
		of[r] = byte(b)
	}
	return of
}()

func bytesOf(piece string) ([]byte, bool) {
	var text []byte
	for _, r := range piece {
		b, ok := byteOf[r]
		if !ok {
			return nil, false
		}
		text = append(text, b)
	}
	return text, len(text) > 0
}

// padTo adds unused tokens up to the model's vocabulary size.
func (v *vocabulary) padTo(m *model) error {
	missing := m.vocab - int64(len(v.tokens))
	limit := m.padded
	if v.extended {
		limit = 63 // embeddings that grew are often rounded up to a multiple of 64
	}
	if missing < 0 || missing > limit {
		return fault.Advise(fileErrorf(v.file, "has %d tokens, and %s says vocab_size %d", len(v.tokens), m.file, m.vocab), "Use the tokenizer that the weights were trained with.")
	}
	for range missing {
		v.add(fmt.Sprintf("[PAD%d]", len(v.tokens)), unused)
		if !v.tekken {
			v.scores = append(v.scores, -1000)
		}
	}
	return nil
}

func (v *vocabulary) has(name string) bool { return v.tokenID(name) >= 0 }

// prompt returns the version of the prompt format, or "" if the chat template is not one of
// Mistral's.
func (v *vocabulary) prompt(m *model, name, template string) string {
	if m.embeds || template != "" && !strings.Contains(template, "[INST]") {
		return ""
	}
	if v.version != "" {
		return v.version
	}
	if v.tekken && template == "" && !v.has("[ARGS]") && m.isFirstTekken() {
		return "v3-tekken"
	}
	if m.class != "LlamaForCausalLM" {
		name += " mistral" // from its class: v1 has no other sign
	}
	format, ok := prompt.Infer(prompt.Meta{
		Architecture: m.arch, Name: name, Template: template, Tekken: v.tekken, Has: v.has, Images: m.vision != nil,
	})
	if !ok {
		return ""
	}
	return format.Version()
}

func (v *vocabulary) describe(meta *gguf.Metadata, ended bool) {
	const p = "tokenizer.ggml."
	if v.tekken {
		meta.Set(p+"model", gguf.Of("gpt2"))
		meta.Set(p+"pre", gguf.Of("tekken"))
	} else {
		meta.Set(p+"model", gguf.Of("llama"))
		meta.Set(p+"pre", gguf.Of("default"))
	}
	meta.Set(p+"tokens", gguf.List(v.tokens))
	meta.Set(p+"token_type", gguf.List(v.types))
	if v.tekken {
		meta.Set(p+"merges", gguf.List(v.merges))
	} else {
		meta.Set(p+"scores", gguf.List(v.scores))
	}
	for _, x := range []struct {
		key string
		id  int32
	}{{"bos", v.bos}, {"eos", v.eos}, {"unknown", v.unk}, {"padding", v.pad}} {
		if x.id >= 0 {
			meta.Set(p+x.key+"_token_id", gguf.Of(uint32(x.id)))
		}
	}
	meta.Set(p+"add_bos_token", gguf.Of(true))
	// Many embedding models take the vector of the EOS token.
	meta.Set(p+"add_eos_token", gguf.Of(ended))
	if v.noPrefix {
		meta.Set(p+"add_space_prefix", gguf.Of(false))
	}
}
