package layout

import (
	"log/slog"

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

// TemplateFormat returns the format of a chat template. Without a template that can be
// used, it only completes text.
func TemplateFormat(vocab tokenizer.Tokenizer, text string, ends Ends) prompt.Format {
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

// TemplateSource returns the source of the prompts of a model whose vocabulary only
// llama.cpp can read: its chat template, if that can be used.
func TemplateSource(m *gguf.Metadata) Source {
	text, _ := m.String("tokenizer.chat_template")
	f, err := template.New(template.Source{Template: text})
	switch {
	case err != nil:
		return Unusable
	case f.Capabilities().Chat:
		return Own
	}
	return None
}

// Kinds of tokens in tokenizer.ggml.token_type.
const controlToken, userToken = 3, 4

// OwnFormat returns the format of a file's chat template without its tokenizer, which may be
// one that only llama.cpp reads: it has the capabilities, and cannot make tokens. Without a
// usable template it only completes text.
func OwnFormat(m *gguf.Metadata) (prompt.Format, error) {
	var source template.Source
	source.Template, _ = m.String("tokenizer.chat_template")
	tokens, _ := m.Strings("tokenizer.ggml.tokens")
	kinds, _ := m.Ints("tokenizer.ggml.token_type")
	for id, kind := range kinds[:min(len(kinds), len(tokens))] {
		if kind == controlToken || kind == userToken {
			source.Tokens = append(source.Tokens, tokens[id])
		}
	}
	for key, text := range map[string]*string{"bos": &source.BOS, "eos": &source.EOS} {
		if id, ok := m.Uint("tokenizer.ggml." + key + "_token_id"); ok && id < uint64(len(tokens)) {
			*text = tokens[id]
		}
	}
	if f, err := template.New(source); err == nil {
		return f, nil
	}
	source.Template = ""
	return template.New(source)
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
