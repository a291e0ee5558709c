package vision

import (
	"context"
	"iter"
	"slices"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/preprocess"
)

// answerRoom is how many tokens of the context are left for an answer when pictures
// are made smaller.
const answerRoom = 256

// A Fitting is an engine that makes the images of the last message smaller when they
// do not fit the context, and asks again.
type Fitting struct {
	engine.Engine
	// Resized is called, before the answer, for each image of the message that is made
	// smaller, with the tokens that the context holds.
	Resized func(i int, before, after attach.Image, context int)
}

// Chat answers a conversation.
func (f Fitting) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for event, err := range f.Engine.Chat(ctx, r) {
			if full := engine.OverflowOf(err); full.Limit > 0 {
				if smaller, ok := f.smaller(ctx, r, full); ok {
					f.Engine.Chat(ctx, smaller)(yield)
					return
				}
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// smaller is a request with its pictures made to fit, if that can be.
func (f Fitting) smaller(ctx context.Context, r engine.ChatRequest, full engine.ContextOverflow) (engine.ChatRequest, bool) {
	last := len(r.Messages) - 1
	pictures, chunks := shownIn(r.Messages[last].Content)
	if len(pictures) == 0 {
		return r, false
	}
	count := CountBy(f.Engine)
	sum := 0
	for _, p := range pictures {
		n, err := Tokens(ctx, count, p.Width, p.Height)
		if err != nil {
			return r, false
		}
		sum += n
	}
	room := min(answerRoom, full.Limit/4)
	if r.MaxTokens != nil {
		room = min(room, *r.MaxTokens)
	}
	fitted, err := Fit(ctx, count, pictures, sum-(full.Tokens-full.Limit)-room)
	if err != nil {
		return r, false
	}
	r.Messages = slices.Clone(r.Messages)
	content := slices.Clone(r.Messages[last].Content)
	r.Messages[last].Content = content
	for i, p := range fitted {
		if p.URL != pictures[i].URL {
			content[chunks[i]].ImageURL = p.URL
			f.Resized(i, pictures[i], p, full.Limit)
		}
	}
	return r, true
}

// shownIn are the pictures of a message, and which of its chunks they are.
func shownIn(content engine.Content) (images []attach.Image, chunks []int) {
	for i, k := range content {
		if k.Type != engine.ImageChunk {
			continue
		}
		if w, h, err := preprocess.Size(k.ImageURL); err == nil {
			images = append(images, attach.Image{Name: "the image", Width: w, Height: h, URL: k.ImageURL})
			chunks = append(chunks, i)
		}
	}
	return images, chunks
}
