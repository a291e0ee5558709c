package layout

import (
	"errors"
	"log/slog"
	"slices"

	"github.com/bise-sh/bise/chattemplate"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/prompt"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// Ends are the tokens that begin and end a text.
type Ends struct {
	BOS, EOS int32 // negative: no such token
	AddBOS   bool  // prompts begin with BOS whether the template writes it or not
}

// templateFormat returns the format of a chat template. Without a template that can be
// used, it only completes text.
func templateFormat(vocab tokenizer.Tokenizer, text string, ends Ends) prompt.Format {
	source := template.Source{Template: text, AddBOS: ends.AddBOS, BOS: piece(vocab, ends.BOS), EOS: piece(vocab, ends.EOS)}
	for id := range int32(vocab.Len()) {
		// Only control and user-defined tokens have a name.
		name := string(vocab.Piece(id))
		if named, ok := vocab.ID(name); ok && named == id {
			source.Tokens = append(source.Tokens, name)
		}
	}
	f, err := template.New(source)
	if err != nil {
		slog.Warn("chat template is unusable", "err", err)
	}
	return f
}

// Kinds of tokens in tokenizer.ggml.token_type.
const controlToken, userToken = 3, 4

// FormatOf returns the prompt format of a model file and how it was found, as an engine finds
// it. The vocabulary may be one that only llama.cpp reads: the format then has the capabilities,
// and cannot make tokens.
func FormatOf(file *gguf.File, name string, e *Encoders) (prompt.Format, Source, error) {
	l, err := Read(file, name, e)
	if err == nil {
		return l.Format, l.Source, nil
	}
	if !errors.Is(err, tokenizer.ErrUnsupported) {
		return nil, None, err
	}
	m := &file.Metadata
	var source template.Source
	tokens, _ := m.Strings("tokenizer.ggml.tokens")
	kinds, _ := m.Ints("tokenizer.ggml.token_type")
	for id, kind := range kinds[:min(len(kinds), len(tokens))] {
		if kind == controlToken || kind == userToken || template.IsInfill(tokens[id]) {
			source.Tokens = append(source.Tokens, tokens[id])
		}
	}
	for key, text := range map[string]*string{"bos": &source.BOS, "eos": &source.EOS} {
		if id, ok := m.Uint("tokenizer.ggml." + key + "_token_id"); ok && id < uint64(len(tokens)) {
			*text = tokens[id]
		}
	}
	has := func(token string) bool { return slices.Contains(source.Tokens, token) }
	f, from := choose(metaOf(m, has, name, e), func(text string) prompt.Format {
		source.Template = text
		f, _ := template.New(source) // with an error it completes text
		return f
	})
	return f, from, nil
}

func piece(vocab tokenizer.Tokenizer, id int32) string {
	if id < 0 {
		return ""
	}
	return string(vocab.Piece(id))
}

// ends returns the ends that a file names, or llama.cpp's defaults for the two kinds
// of vocabulary that package tokenizer reads.
func ends(m *gguf.Metadata, vocab tokenizer.Tokenizer) Ends {
	e := Ends{BOS: 1, EOS: 2, AddBOS: true}
	if add, ok := m.Bool("tokenizer.ggml.add_bos_token"); ok {
		e.AddBOS = add
	}
	for key, id := range map[string]*int32{"bos": &e.BOS, "eos": &e.EOS} {
		if n, ok := m.Uint("tokenizer.ggml." + key + "_token_id"); ok && n < uint64(vocab.Len()) {
			*id = int32(n)
		}
	}
	return e
}
