package vision

import (
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/units"
)

// hiddenImage stands for an image that is not sent.
const hiddenImage = "[An image that is not shown to you.]"

// HiddenNote says how many images HideEarlier has replaced.
func HiddenNote(hidden int) string {
	return units.Plural(hidden, "earlier image") + " not shown to this model."
}

// HideEarlier returns a request in which words stand for the images of all messages before the
// user's last one, and how many there are. A model without a vision encoder can then continue a
// conversation that has images.
func HideEarlier(r engine.ChatRequest) (engine.ChatRequest, int) {
	hidden := 0
	r.Messages = slices.Clone(r.Messages)
	last := len(r.Messages) - 1
	for last >= 0 && r.Messages[last].Role != engine.User {
		last--
	}
	for i, m := range r.Messages[:max(0, last)] {
		content := slices.Clone(m.Content)
		for j, k := range content {
			if k.Type == engine.ImageChunk {
				content[j] = engine.Chunk{Type: engine.TextChunk, Text: hiddenImage}
				hidden++
			}
		}
		r.Messages[i].Content = content
	}
	return r, hidden
}
