//go:build cgo

package llama

import (
	"errors"

	"github.com/bise-sh/bise/engine/prompt"
	"github.com/bise-sh/bise/engine/tokenizer"
)

// formats finds out how the model's text is tokenized and how its conversations
// are laid out: as Mistral's models want it, or by the file's own template.
func (e *Engine) formats() error {
	m := &e.file.Metadata
	vocab := tokenizer.Meta{AddSpacePrefix: true}
	vocab.Model, _ = m.String("tokenizer.ggml.model")
	vocab.Pre, _ = m.String("tokenizer.ggml.pre")
	vocab.Tokens, _ = m.Strings("tokenizer.ggml.tokens")
	types, _ := m.Ints("tokenizer.ggml.token_type")
	for _, t := range types {
		vocab.Types = append(vocab.Types, int32(t))
	}
	scores, _ := m.Floats("tokenizer.ggml.scores")
	for _, f := range scores {
		vocab.Scores = append(vocab.Scores, float32(f))
	}
	if b, ok := m.Bool("tokenizer.ggml.add_space_prefix"); ok {
		vocab.AddSpacePrefix = b
	}
	var err error
	if e.vocab, err = tokenizer.FromGGUF(vocab); errors.Is(err, tokenizer.ErrUnsupported) {
		e.vocab, err = newVocabulary(e.scheduler.m), nil
	}
	if err != nil {
		return badModel(e.path, err)
	}
	for _, text := range vocab.Tokens {
		e.longest = max(e.longest, len(text))
	}

	meta := prompt.Meta{Tekken: vocab.Model == "gpt2", Images: e.scheduler.eye != nil}
	meta.Has = func(name string) bool { _, ok := e.vocab.ID(name); return ok }
	meta.Version, _ = m.String("bise.prompt_version")
	meta.Settings, _ = m.String("bise.prompt_settings")
	meta.Architecture, _ = m.String("general.architecture")
	meta.Name, _ = m.String("general.name")
	meta.Name += " " + e.name // some files tell their model only there
	meta.Template, _ = m.String("tokenizer.chat_template")
	if f, ok := prompt.Infer(meta); ok {
		e.format = f
		return nil
	}
	e.format, err = e.ownTemplate(meta.Template)
	return err
}

// poolLast is LLAMA_POOLING_TYPE_LAST: the last token's vector stands for the text.
const poolLast = 3

// maxPooled is how many tokens a text may have whose vectors are averaged, since
// they have to be computed together.
const maxPooled = 2048

var _ tokenizer.Tokenizer = (*vocabulary)(nil)
