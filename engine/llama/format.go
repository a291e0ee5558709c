//go:build cgo

package llama

import (
	"errors"
	"sync"

	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// formats chooses the tokenizer and the prompt layout: Mistral's formats, or the chat
// template of the file.
func (e *Engine) formats() error {
	m := &e.file.Metadata
	var err error
	if e.vocab, err = layout.Vocabulary(m); errors.Is(err, tokenizer.ErrUnsupported) {
		kind, _ := m.String("tokenizer.ggml.model")
		e.vocab, err = newVocabulary(e.instance.m, kind), nil
	}
	if err != nil {
		return badModel(e.path, err)
	}
	e.longest = sync.OnceValue(func() (n int) {
		tokens, _ := m.Strings("tokenizer.ggml.tokens")
		for _, text := range tokens {
			n = max(n, len(text))
		}
		return n
	})
	tokens := e.instance.m
	ends := layout.Ends{BOS: tokens.bos(), EOS: tokens.eos(), AddBOS: tokens.addBOS()}
	e.format, _ = layout.FormatFor(m, e.vocab, e.name, e.encoders, ends)
	return nil
}

// poolLast is LLAMA_POOLING_TYPE_LAST: the last token's vector is the text's.
const poolLast = 3

// maxPooled is the longest text, in tokens, whose vectors are averaged: they must be
// computed in one batch.
const maxPooled = 2048

// textsTogether is how many short texts an embedding model evaluates in a batch.
const textsTogether = 64

var _ tokenizer.Tokenizer = (*vocabulary)(nil)
