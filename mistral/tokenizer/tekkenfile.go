package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A TekkenFile is a tekken.json.
type TekkenFile struct {
	Version string   // "v3", "v7", "v11", "v13", "v15"
	Special []string // names of the ids 0, 1, …
	// Texts follow the special tokens, in the order of their ranks. Further texts in the
	// file are not part of the vocabulary.
	Texts    [][]byte
	Image    *TekkenImage    // nil for a model that sees nothing
	Settings json.RawMessage // model_settings_builder, or nil

	pattern string
}

// TekkenImage is how images are cut into tokens.
type TekkenImage struct {
	PatchSize int `json:"image_patch_size"`   // pixels
	MaxSize   int `json:"max_image_size"`     // pixels of the longer side
	MergeSize int `json:"spatial_merge_size"` // patches along each side that make one token
}

// PromptVersion names the file's prompt format: the versions that exist for
// SentencePiece too are marked as Tekken's.
func (f *TekkenFile) PromptVersion() string {
	if f.Version == "v3" || f.Version == "v7" {
		return f.Version + "-tekken"
	}
	return f.Version
}

// Bounds of a tekken.json: the largest so far has 19 MB and 150,000 texts.
const (
	tekkenMaxBytes   = 256 << 20
	tekkenMaxTokens  = 1 << 20
	tekkenMaxSpecial = 1 << 16
)

// ReadTekken reads a tekken.json.
func ReadTekken(r io.Reader) (*TekkenFile, error) {
	f, err := readTekken(r)
	if err != nil {
		return nil, fmt.Errorf("read tekken.json: %w", err)
	}
	return f, nil
}

func readTekken(r io.Reader) (*TekkenFile, error) {
	var doc struct {
		Config struct {
			Pattern  string `json:"pattern"`
			Size     int    `json:"default_vocab_size"`
			Specials int    `json:"default_num_special_tokens"`
			Version  string `json:"version"`
		} `json:"config"`
		Vocab []struct {
			Rank  int    `json:"rank"`
			Bytes []byte `json:"token_bytes"` // base64
		} `json:"vocab"`
		Special []struct {
			Rank int    `json:"rank"`
			Name string `json:"token_str"`
		} `json:"special_tokens"`
		Image      *TekkenImage    `json:"image"`
		Multimodal *TekkenImage    `json:"multimodal"` // what image was called at first
		Settings   json.RawMessage `json:"model_settings_builder"`
	}
	data, err := io.ReadAll(io.LimitReader(r, tekkenMaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > tekkenMaxBytes {
		return nil, errors.New("it is too large")
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	c := doc.Config
	n := c.Size - c.Specials
	switch {
	case c.Size <= 0 || c.Size > tekkenMaxTokens || c.Specials <= 0 || c.Specials > tekkenMaxSpecial:
		return nil, fmt.Errorf("it counts %d tokens, %d of them special", c.Size, c.Specials)
	case n < 0 || n > len(doc.Vocab):
		return nil, fmt.Errorf("it counts %d texts and lists %d", n, len(doc.Vocab))
	case len(doc.Special) > c.Specials:
		return nil, fmt.Errorf("it counts %d special tokens and lists %d", c.Specials, len(doc.Special))
	}
	f := &TekkenFile{Version: c.Version, Image: doc.Image, pattern: c.Pattern, Texts: make([][]byte, n)}
	for i, v := range doc.Vocab[:n] {
		if v.Rank != i {
			return nil, fmt.Errorf("text %d has rank %d", i, v.Rank)
		}
		f.Texts[i] = v.Bytes
	}
	if doc.Special == nil {
		f.Special = append(f.Special, oldSpecials[:min(len(oldSpecials), c.Specials)]...)
	}
	for i, s := range doc.Special {
		if s.Rank != i {
			return nil, fmt.Errorf("special token %d, %q, has rank %d", i, s.Name, s.Rank)
		}
		f.Special = append(f.Special, s.Name)
	}
	for i := len(f.Special); i < c.Specials; i++ {
		f.Special = append(f.Special, fmt.Sprintf("<SPECIAL_%d>", i))
	}
	if doc.Multimodal != nil {
		f.Image = doc.Multimodal
	}
	if i := f.Image; i != nil {
		i.MergeSize = cmp.Or(i.MergeSize, 1)
		if i.PatchSize <= 0 || i.MaxSize <= 0 || i.MergeSize < 0 {
			return nil, fmt.Errorf("unsupported image settings: %+v", *i)
		}
	}
	if string(doc.Settings) != "null" {
		f.Settings = doc.Settings
	}
	return f, nil
}

// oldSpecials are the special tokens of files that list none, which are of
// versions v3 and v7 (mistral-common, Tekkenizer.DEPRECATED_SPECIAL_TOKENS).
var oldSpecials = []string{
	"<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
	"[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]",
	"[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
}

// Tokenizer returns the file's tokenizer. The error wraps [ErrUnsupported] for a splitting
// pattern other than Tekken's.
func (f *TekkenFile) Tokenizer() (Tokenizer, error) {
	if f.pattern != tekkenPattern {
		return nil, unsupported("splitting pattern %q", f.pattern)
	}
	t, err := newTekken(len(f.Special)+len(f.Texts), len(f.Special), f.Texts)
	if err != nil {
		return nil, err
	}
	for id, name := range f.Special {
		t.setControl(int32(id), name)
	}
	return t, nil
}

// PieceText writes a text in GPT-2's alphabet of bytes, as GGUF's byte-pair vocabularies
// do.
func PieceText(text []byte) string {
	runes := make([]rune, len(text))
	for i, b := range text {
		runes[i] = byteRune[b]
	}
	return string(runes)
}
