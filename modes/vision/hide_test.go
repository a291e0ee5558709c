package vision

import (
	"testing"

	"github.com/bise-sh/bise/engine"
)

func TestHideEarlier(t *testing.T) {
	image := engine.Chunk{Type: engine.ImageChunk, ImageURL: "data:image/png;base64,AA=="}
	ask := func(text string) engine.Message {
		return engine.Message{Role: engine.User, Content: append(engine.Content{image}, engine.Text(text)...)}
	}
	answer := engine.Message{Role: engine.Assistant, Content: engine.Text("a cat")}
	before := engine.ChatRequest{Messages: []engine.Message{ask("what?"), answer, ask("and this?"), answer}}
	r, hidden := HideEarlier(before, engine.Capabilities{Audio: true})
	if hidden != 1 || r.Messages[0].Content[0].Type != engine.TextChunk || r.Messages[2].Content[0].Type != engine.ImageChunk {
		t.Errorf("%d hidden in %+v", hidden, r.Messages)
	}
	if before.Messages[0].Content[0].Type != engine.ImageChunk {
		t.Error("the original request is changed")
	}
	if _, hidden := HideEarlier(engine.ChatRequest{}, engine.Capabilities{}); hidden != 0 {
		t.Errorf("%d hidden in nothing", hidden)
	}
	sound := engine.Chunk{Type: engine.AudioChunk, AudioURL: "data:audio/wav;base64,AA=="}
	before.Messages[0].Content = engine.Content{image, sound}
	for _, c := range []struct {
		can    engine.Capabilities
		hidden int
	}{{engine.Capabilities{}, 2}, {engine.Capabilities{Vision: true}, 1}, {engine.Capabilities{Audio: true}, 1}, {engine.Capabilities{Vision: true, Audio: true}, 0}} {
		if _, hidden := HideEarlier(before, c.can); hidden != c.hidden {
			t.Errorf("%+v: %d hidden, want %d", c.can, hidden, c.hidden)
		}
	}
}
