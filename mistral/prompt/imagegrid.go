package prompt

import (
	"math"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// An ImageGrid is how a model divides images into tokens.
type ImageGrid struct {
	Patch int // width and height of a patch, in pixels
	Merge int // patches on each side that become one token; 1 for Pixtral
	Max   int // limit of an image's longer side, in pixels; larger images are scaled down
}

// Grid returns how many tokens an image of that size has in a row, and how many rows.
// The image must be resized to Patch·Merge pixels for each token. It must not be empty.
func (g ImageGrid) Grid(width, height int) (columns, rows int) {
	w, h := width, height
	if r := max(float64(height)/float64(g.Max), float64(width)/float64(g.Max)); r > 1 {
		w = max(int(math.RoundToEven(float64(width)/r)), 1)
		h = max(int(math.RoundToEven(float64(height)/r)), 1)
	}
	unit := g.Patch * g.Merge
	return (w-1)/unit + 1, (h-1)/unit + 1
}

// Encode returns the tokens of an image of that size: rows of [IMG], each followed by
// [IMG_BREAK], the last by [IMG_END].
func (g ImageGrid) Encode(t tokenizer.Tokenizer, width, height int) ([]int32, error) {
	columns, rows := g.Grid(width, height)
	var ids [3]int32
	for i, name := range []string{"[IMG]", "[IMG_BREAK]", "[IMG_END]"} {
		id, ok := t.ID(name)
		if !ok {
			return nil, fault.Errorf(fault.Unsupported, "the model's vocabulary has no token %s for images", name)
		}
		ids[i] = id
	}
	tokens := make([]int32, 0, (columns+1)*rows)
	for range rows {
		for range columns {
			tokens = append(tokens, ids[0])
		}
		tokens = append(tokens, ids[1])
	}
	tokens[len(tokens)-1] = ids[2]
	return tokens, nil
}
