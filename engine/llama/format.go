//go:build cgo

package llama

import (
	"errors"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/prompt"
	"github.com/bise-sh/bise/engine/tokenizer"
)

// formats finds out how the model's text is tokenized and how its conversations
// are laid out.
func (e *Engine) formats() error {
	meta := tokenizer.Meta{AddSpacePrefix: true}
	m := &e.file.Metadata
	meta.Model, _ = m.String("tokenizer.ggml.model")
	meta.Pre, _ = m.String("tokenizer.ggml.pre")
	meta.Tokens, _ = m.Strings("tokenizer.ggml.tokens")
	if types, ok := m.Ints("tokenizer.ggml.token_type"); ok {
		for _, t := range types {
			meta.Types = append(meta.Types, int32(t))
		}
	}
	if scores, ok := m.Floats("tokenizer.ggml.scores"); ok {
		for _, f := range scores {
			meta.Scores = append(meta.Scores, float32(f))
		}
	}
	if b, ok := m.Bool("tokenizer.ggml.add_space_prefix"); ok {
		meta.AddSpacePrefix = b
	}
	var err error
	if e.vocab, err = tokenizer.FromGGUF(meta); errors.Is(err, tokenizer.ErrUnsupported) {
		e.vocab, err = newVocabulary(e.scheduler.m), nil
	}
	if err != nil {
		return badModel(e.path, err)
	}
	return nil
}

// poolLast is LLAMA_POOLING_TYPE_LAST: the last token's vector stands for the text.
const poolLast = 3

// maxPooled is how many tokens a text may have whose vectors are averaged, since
// they have to be computed together.
const maxPooled = 2048

var _ tokenizer.Tokenizer = (*vocabulary)(nil)

// place is where a picture of a prompt belongs among its tokens.
type place struct{ image, at int }

// encode turns a prompt into tokens.
func (e *Engine) encode(p prompt.Prompt) (ids []token, places []place, err error) {
	for _, seg := range p.Segments {
		switch {
		case seg.Image > 0:
			places = append(places, place{seg.Image, len(ids)})
		case seg.Control != "":
			id, ok := e.vocab.ID(seg.Control)
			if !ok {
				return nil, nil, engine.Errorf(engine.BadModel, "the vocabulary of %s has no %s", e.name, seg.Control)
			}
			ids = append(ids, id)
		default:
			ids = append(ids, e.vocab.Encode(seg.Text, seg.Bare)...)
		}
	}
	return ids, places, nil
}

func (e *Engine) addPictures(j *job, p prompt.Prompt, places []place) error {
	if len(places) > 0 {
		return &engine.Error{Kind: engine.Unsupported, Msg: e.name + " does not see pictures"}
	}
	return nil
}

func (s *scheduler) readPicture() bool { return false }
