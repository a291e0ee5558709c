package vision

import (
	"slices"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/units"
)

// What stands for an image and for audio that are not sent.
const (
	hiddenImage = "[An image that is not shown to you.]"
	hiddenAudio = "[Audio that you cannot hear.]"
)

// HiddenNote says how many images and audio files HideEarlier has replaced.
func HiddenNote(hidden int) string {
	return units.Plural(hidden, "earlier attachment") + " not shown to this model."
}

// HideEarlier returns a request in which words stand for the images and the audio of all
// messages before the user's last one, as far as the model can neither see nor hear them, and
// how many there are. The model can then continue a conversation that has them.
func HideEarlier(r engine.ChatRequest, can engine.Capabilities) (engine.ChatRequest, int) {
	hidden := 0
	r.Messages = slices.Clone(r.Messages)
	last := len(r.Messages) - 1
	for last >= 0 && r.Messages[last].Role != engine.User {
		last--
	}
	for i, m := range r.Messages[:max(0, last)] {
		content := slices.Clone(m.Content)
		for j, k := range content {
			text := ""
			switch {
			case k.Type == engine.ImageChunk && !can.Vision:
				text = hiddenImage
			case k.Type == engine.AudioChunk && !can.Audio:
				text = hiddenAudio
			default:
				continue
			}
			content[j] = engine.Chunk{Type: engine.TextChunk, Text: text}
			hidden++
		}
		r.Messages[i].Content = content
	}
	return r, hidden
}
