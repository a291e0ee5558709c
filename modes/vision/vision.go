// Package vision is the mode for questions about images. [Tokens] counts what an image
// costs before it is sent, and a [Fitting] makes images smaller when the context has
// no room for them, which nothing else does.
//
// A request is that of package chat, with the images before the question: a second
// question about them finds them evaluated.
package vision

import (
	"fmt"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/units"
)

// Check returns the error of a model that has no vision encoder, nil if it has one or
// nothing is known about it.
func Check(model engine.Info) error {
	if model.Architecture == "" || model.Can.Vision {
		return nil
	}
	return engine.NoVision(model.Model)
}

// CheckAudio returns the error of a model that cannot hear, nil if it can or nothing is known
// about it.
func CheckAudio(model engine.Info) error {
	if model.Architecture == "" || model.Can.Audio {
		return nil
	}
	return engine.NoHearing(model.Model)
}

// Caption describes an image and its cost: photo.jpg 1920×1080 → 2.3k tokens. The size
// and the tokens are 0 if they are unknown.
func Caption(name string, width, height, tokens int) string {
	if width > 0 {
		name += fmt.Sprintf(" %d×%d", width, height)
	}
	if tokens > 0 {
		name += " → " + units.Count(tokens) + " tokens"
	}
	return name
}

// ResizedNote says that an image is resized for a context that holds some tokens.
func ResizedNote(name string, before, after attach.Image, context int) string {
	return fmt.Sprintf("%s resized to %d×%d from %d×%d: the context holds %s tokens",
		name, after.Width, after.Height, before.Width, before.Height, units.Count(context))
}
