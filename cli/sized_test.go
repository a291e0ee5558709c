package cli

import (
	"context"
	"iter"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/mistral/preprocess"
	"github.com/bise-sh/bise/mistral/prompt"
)

// A sized engine is a script to which pictures cost what they cost Pixtral, in a
// context of so many tokens.
type sized struct {
	*enginetest.Script
	limit int
}

func (s *sized) tokens(r *engine.ChatRequest) (n int, err error) {
	for _, m := range r.Messages {
		for _, k := range m.Content {
			if k.Type != engine.ImageChunk {
				n += len(k.Text)
				continue
			}
			w, h, err := preprocess.Size(k.ImageURL)
			if err != nil {
				return 0, err
			}
			columns, rows := prompt.ImageGrid{Patch: 16, Merge: 1, Max: 1024}.Grid(w, h)
			n += (columns + 1) * rows
		}
	}
	return n, nil
}

func (s *sized) Tokenize(_ context.Context, r engine.TokenizeRequest) (engine.Tokens, error) {
	n, err := s.tokens(r.Chat)
	return engine.Tokens{IDs: make([]int32, n)}, err
}

func (s *sized) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	n, err := s.tokens(&r)
	if err == nil && n > s.limit {
		err = engine.ErrTooLong(n, s.limit)
	}
	if err != nil {
		return func(yield func(engine.Event, error) bool) { yield(nil, err) }
	}
	return s.Script.Chat(ctx, r)
}
