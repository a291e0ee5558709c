package vision

import (
	"context"
	"encoding/base64"
	"fmt"
	"iter"
	"testing"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/preprocess"
)

// A narrow engine is a script that counts as Pixtral does, in a context of so many
// tokens.
type narrow struct {
	*enginetest.Script
	limit int
}

func (n narrow) Tokenize(ctx context.Context, r engine.TokenizeRequest) (engine.Tokens, error) {
	c, err := pixtral(ctx, r.Chat)
	return engine.Tokens{IDs: make([]int32, c)}, err
}

func (n narrow) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	last := engine.ChatRequest{Messages: r.Messages[len(r.Messages)-1:]}
	if c, _ := pixtral(ctx, &last); c > n.limit {
		return func(yield func(engine.Event, error) bool) { yield(nil, engine.ErrTooLong(c, n.limit)) }
	}
	return n.Script.Chat(ctx, r)
}

func TestFitting(t *testing.T) {
	url := "data:image/png;base64," + base64.StdEncoding.EncodeToString(grayPNG(t, 1600, 1200))
	question := func(chunks ...engine.Chunk) engine.ChatRequest {
		return engine.ChatRequest{Messages: []engine.Message{
			{Role: engine.User, Content: engine.Text("before")},
			{Role: engine.Assistant, Content: engine.Text("yes")},
			{Role: engine.User, Content: append(chunks, engine.Text("what is it?")...)},
		}}
	}
	shown := engine.Chunk{Type: engine.ImageChunk, ImageURL: url}
	for _, tt := range []struct {
		name   string
		r      engine.ChatRequest
		limit  int
		told   int // pictures that are made smaller
		failed bool
	}{
		{"there is room", question(shown), 10_000, 0, false},
		{"one", question(shown), 1000, 1, false},
		{"two", question(shown, shown), 1000, 2, false},
		{"too little room", question(shown), 20, 0, true},
		{"no picture", question(), 5, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := narrow{enginetest.Says("A cat."), tt.limit}
			var told []string
			f := Fitting{e, func(i int, before, after attach.Image, context int) {
				told = append(told, fmt.Sprint(i, before.Width, context))
				if after.Width >= before.Width {
					t.Errorf("it is not smaller: %d", after.Width)
				}
			}}
			events, err := enginetest.Collect(f.Chat(t.Context(), tt.r))
			if (err != nil) != tt.failed || len(told) != tt.told {
				t.Fatalf("%v, told %q", err, told)
			}
			if tt.failed {
				if fault.KindOf(err) != fault.TooLong {
					t.Errorf("%v", err)
				}
				return
			}
			asked := *e.Requests()[0].Chat
			n, err := pixtral(t.Context(), &engine.ChatRequest{Messages: asked.Messages[2:]})
			if err != nil || n > tt.limit || len(asked.Messages) != 3 {
				t.Errorf("%d tokens are asked in %d messages, %v; %v", n, len(asked.Messages), err, events)
			}
			if w, _, err := preprocess.Size(tt.r.Messages[2].Content[0].ImageURL); err != nil || w != 1600 {
				t.Errorf("the request itself was changed: %d, %v", w, err)
			}
		})
	}
}
