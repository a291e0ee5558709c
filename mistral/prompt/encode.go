package prompt

import (
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// A Place is where the tokens of an image or of audio belong among a prompt's.
type Place struct {
	At    int // before the token of this index
	Image int // 1 is Prompt.Images[0]
	Audio int // 1 is Prompt.Audio[0]
}

// Encode turns a prompt into tokens. The caller adds images and audio, since it knows their
// numbers of tokens. A control token that the vocabulary lacks is an error of kind BadModel.
func Encode(t tokenizer.Tokenizer, p Prompt) ([]int32, []Place, error) {
	var ids []int32
	var places []Place
	for i, s := range p.Segments {
		switch {
		case s.Image > 0, s.Audio > 0:
			places = append(places, Place{At: len(ids), Image: s.Image, Audio: s.Audio})
		case s.Control != "":
			id, ok := t.ID(s.Control)
			if !ok {
				return nil, nil, fault.Errorf(fault.BadModel, "the model's vocabulary has no token %s", s.Control)
			}
			ids = append(ids, id)
		case s.Bare && i > 0 && isSuffixToken(p.Segments[i-1].Control):
			ids = append(ids, encodeSuffix(t, s.Text)...)
		default:
			ids = append(ids, t.Encode(s.Text, s.Bare)...)
		}
	}
	return ids, places, nil
}

// isSuffixToken reports whether the suffix of an infill prompt follows this control token.
func isSuffixToken(name string) bool {
	for _, r := range versions {
		if name != "" && name == r.suffix {
			return true
		}
	}
	return false
}

// encodeSuffix encodes the suffix of an infill prompt. Mistral avoids a leading space by
// putting a character in front that merges with nothing and dropping its two tokens.
// Tekken has no leading space, but the first word may be split differently, as in training.
func encodeSuffix(t tokenizer.Tokenizer, suffix string) []int32 {
	ids := t.Encode("☺"+suffix, false)
	return ids[min(2, len(ids)):]
}
