package layout

import (
	"fmt"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/prompt"
)

// Encoders describes what the encoder of a projector file takes: images or audio.
type Encoders struct {
	Images *prompt.ImageGrid // nil: it sees nothing
	Audio  *prompt.AudioGrid // nil: it hears nothing
	Width  int               // components of its embeddings
}

func (e *Encoders) images() *prompt.ImageGrid {
	if e == nil {
		return nil
	}
	return e.Images
}

func (e *Encoders) audio() *prompt.AudioGrid {
	if e == nil {
		return nil
	}
	return e.Audio
}

// frames is the length of a window of audio in frames of the encoder, before they are
// stacked: 30 seconds at 50 frames a second.
const frames = 1500

// ReadEncoders returns what a projector file says about its encoder. For projectors other
// than Mistral's it returns an error of kind Unsupported.
func ReadEncoders(m *gguf.Metadata) (*Encoders, error) {
	kind, _ := m.String("clip.projector_type")
	modality := "clip.vision."
	if kind == "" {
		if kind, _ = m.String("clip.audio.projector_type"); kind == "voxtral" {
			modality = "clip.audio."
		}
	}
	if kind == "voxtral" {
		modality = "clip.audio."
	}
	number := func(key string, otherwise int) int {
		if n, ok := m.Uint(modality + key); ok && n > 0 && n < 1<<16 {
			return int(n)
		}
		return otherwise
	}
	e := &Encoders{Width: number("projection_dim", 0)}
	switch kind {
	case "pixtral":
		e.Images = &prompt.ImageGrid{Patch: number("patch_size", 16), Merge: number("spatial_merge_size", 1), Max: number("image_size", 1024)}
	case "voxtral":
		stack := number("projector.stack_factor", 0)
		if stack == 0 || frames%stack != 0 {
			return nil, &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("the audio projector joins %d frames, which do not divide %d", stack, frames)}
		}
		e.Audio = &prompt.AudioGrid{Tokens: frames / stack}
	default:
		return nil, &fault.Error{Kind: fault.Unsupported, Msg: fmt.Sprintf("projectors of the type %q cannot be used; Mistral's are of the types pixtral and voxtral", kind)}
	}
	return e, nil
}
