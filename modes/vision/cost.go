package vision

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/preprocess"
)

// A Count counts the tokens of a request, as the model that is to answer it would
// read it.
type Count func(context.Context, *engine.ChatRequest) (int, error)

// CountBy counts with an engine.
func CountBy(e engine.Engine) Count {
	return func(ctx context.Context, r *engine.ChatRequest) (int, error) {
		tokens, err := e.Tokenize(ctx, engine.TokenizeRequest{Chat: r})
		return len(tokens.IDs), err
	}
}

// Tokens is what a picture of so many pixels costs: the more pixels, up to what the
// model sees, the more tokens. Nothing of the picture itself is needed for that.
func Tokens(ctx context.Context, count Count, width, height int) (int, error) {
	text := engine.Text("?")
	without := engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: text}}}
	with := engine.ChatRequest{Messages: []engine.Message{{
		Role: engine.User, Content: append(engine.Content{{Type: engine.ImageChunk, ImageURL: blank(width, height)}}, text...),
	}}}
	n, err := count(ctx, &with)
	if err != nil {
		return 0, err
	}
	rest, err := count(ctx, &without)
	return n - rest, err
}

// blank is the head of a PNG of so many pixels, from which a tokenizer sees its size.
func blank(width, height int) string {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, uint32(width))
	chunk = binary.BigEndian.AppendUint32(chunk, uint32(height))
	chunk = append(chunk, 8, 2, 0, 0, 0) // eight bits of red, green and blue
	data := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), uint32(len(chunk)-4))
	data = append(data, chunk...)
	return dataURL("image/png", binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(chunk)))
}

// leastTokens is the least that a picture is made to cost: less shows nothing.
const leastTokens = 16

// Fit gives pictures that cost at most so many tokens together: those that it is
// given where they do, else all of them made smaller by the same share. Where they
// would show nothing any more, the error has kind TooLong.
func Fit(ctx context.Context, count Count, pictures []Picture, budget int) ([]Picture, error) {
	costs := make([]int, len(pictures))
	total := 0
	for i, p := range pictures {
		n, err := Tokens(ctx, count, p.Width, p.Height)
		if err != nil {
			return nil, err
		}
		costs[i] = n
		total += n
	}
	if total <= budget {
		return pictures, nil
	}
	out := make([]Picture, len(pictures))
	for i, p := range pictures {
		share := budget * costs[i] / total
		if share < leastTokens {
			return nil, engine.ErrTooLong(total, budget)
		}
		var err error
		if out[i], err = p.within(ctx, count, share); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// within is the picture in the most pixels that cost at most so many tokens.
func (p Picture) within(ctx context.Context, count Count, budget int) (Picture, error) {
	size := func(longest int) (w, h int) {
		scale := float64(longest) / float64(max(p.Width, p.Height))
		return max(1, int(math.Round(float64(p.Width)*scale))), max(1, int(math.Round(float64(p.Height)*scale)))
	}
	low, high := 0, max(p.Width, p.Height) // of the longer side: fits, does not
	for high-low > 1 {
		middle := (low + high) / 2
		w, h := size(middle)
		n, err := Tokens(ctx, count, w, h)
		switch {
		case err != nil:
			return Picture{}, err
		case n <= budget:
			low = middle
		default:
			high = middle
		}
	}
	if low == 0 {
		return Picture{}, engine.ErrTooLong(1, budget)
	}
	img, err := preprocess.Decode(p.URL)
	if err != nil {
		return Picture{}, fmt.Errorf("make %s smaller: %w", p.Name, err)
	}
	smaller := p
	smaller.Width, smaller.Height = size(low)
	img = scaled(img, smaller.Width, smaller.Height)
	smaller.URL = encoded(img, true, MaxFile)
	smaller.Thumb = thumb(img)
	return smaller, nil
}
