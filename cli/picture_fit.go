package cli

import (
	"context"
	"iter"
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/words"
)

// answerRoom is how many tokens of the context are left for an answer when pictures
// are made smaller to fit.
const answerRoom = 256

// chat asks, once more with smaller pictures when the context has no room for them:
// then that is said.
func (a *app) chat(ctx context.Context, e engine.Engine, r engine.ChatRequest, pictures []vision.Picture) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for event, err := range e.Chat(ctx, r) {
			if full := tooLong(err); full != nil && len(pictures) > 0 {
				if smaller, fits := a.smaller(ctx, e, r, pictures, full); fits {
					for event, err := range e.Chat(ctx, smaller) {
						if !yield(event, err) {
							return
						}
					}
					return
				}
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// tooLong is the error of a request that does not fit, nil when it is another.
func tooLong(err error) *engine.Error {
	if e, ok := err.(*engine.Error); ok && e.Kind == engine.TooLong && e.Limit > 0 {
		return e
	}
	return nil
}

// smaller is the request with its pictures made to fit, if that can be.
func (a *app) smaller(ctx context.Context, e engine.Engine, r engine.ChatRequest, pictures []vision.Picture, full *engine.Error) (engine.ChatRequest, bool) {
	count := vision.CountBy(e)
	sum := 0
	for _, p := range pictures {
		n, err := vision.Tokens(ctx, count, p.Width, p.Height)
		if err != nil {
			return r, false
		}
		sum += n
	}
	room := min(answerRoom, full.Limit/4)
	if r.MaxTokens != nil {
		room = min(room, *r.MaxTokens)
	}
	fitted, err := vision.Fit(ctx, count, pictures, sum-(full.Tokens-full.Limit)-room)
	if err != nil {
		return r, false
	}
	last := len(r.Messages) - 1
	content := slices.Clone(r.Messages[last].Content)
	for i, p := range fitted {
		content[i].ImageURL = p.URL
		if before := pictures[i]; before.URL != p.URL {
			a.note("%s is made smaller, from %d×%d to %d×%d: the context holds %s tokens.", p.Name, before.Width, before.Height, p.Width, p.Height, words.Count(full.Limit))
		}
	}
	r.Messages = slices.Clone(r.Messages)
	r.Messages[last].Content = content
	return r, true
}
