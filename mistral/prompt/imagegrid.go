package prompt

import (
	"math"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// Pictures says how a model cuts pictures into tokens.
type Pictures struct {
	Patch int // pixels of a patch's side
	Merge int // patches on each side that make one token; 1 for Pixtral
	Max   int // pixels that a picture's longer side has at most; larger ones are made smaller
}

// Grid is how many tokens a picture of so many pixels has in a row, and how many
// rows. The picture is to be stretched to that many tokens' pixels, Patch·Merge
// for each. It must not be empty.
func (p Pictures) Grid(width, height int) (columns, rows int) {
	w, h := width, height
	if r := max(float64(height)/float64(p.Max), float64(width)/float64(p.Max)); r > 1 {
		w = max(int(math.RoundToEven(float64(width)/r)), 1)
		h = max(int(math.RoundToEven(float64(height)/r)), 1)
	}
	unit := p.Patch * p.Merge
	return (w-1)/unit + 1, (h-1)/unit + 1
}

// Encode gives the tokens of a picture of so many pixels: the rows of its grid,
// each [IMG] after [IMG], with [IMG_BREAK] after each but the last, which
// [IMG_END] ends.
func (p Pictures) Encode(t tokenizer.Tokenizer, width, height int) ([]int32, error) {
	columns, rows := p.Grid(width, height)
	var ids [3]int32
	for i, name := range []string{"[IMG]", "[IMG_BREAK]", "[IMG_END]"} {
		id, ok := t.ID(name)
		if !ok {
			return nil, fault.Errorf(fault.Unsupported, "the model's vocabulary has no token %s for pictures", name)
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
