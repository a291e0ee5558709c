package vision

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
)

// A Count counts the tokens of a request for a model.
type Count func(context.Context, *engine.ChatRequest) (int, error)

// CountBy counts with an engine.
func CountBy(e engine.Engine) Count {
	return func(ctx context.Context, r *engine.ChatRequest) (int, error) {
		tokens, err := e.Tokenize(ctx, engine.TokenizeRequest{Chat: r})
		return len(tokens.IDs), err
	}
}

// Tokens returns what an image of a size costs: the more pixels, up to what the model
// sees, the more tokens. The image itself is not needed.
func Tokens(ctx context.Context, count Count, width, height int) (int, error) {
	return chunkTokens(ctx, count, engine.Chunk{Type: engine.ImageChunk, ImageURL: blank(width, height)})
}

// AudioTokens returns what audio, a data: URL, costs.
func AudioTokens(ctx context.Context, count Count, url string) (int, error) {
	return chunkTokens(ctx, count, engine.Chunk{Type: engine.AudioChunk, AudioURL: url})
}

func chunkTokens(ctx context.Context, count Count, chunk engine.Chunk) (int, error) {
	text := engine.Text("?")
	without := engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: text}}}
	with := engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: append(engine.Content{chunk}, text...)}}}
	n, err := count(ctx, &with)
	if err != nil {
		return 0, err
	}
	rest, err := count(ctx, &without)
	return n - rest, err
}

// blank is the header of a PNG, from which a tokenizer reads the size.
func blank(width, height int) string {
	chunk := []byte("IHDR")
	chunk = binary.BigEndian.AppendUint32(chunk, uint32(width))
	chunk = binary.BigEndian.AppendUint32(chunk, uint32(height))
	chunk = append(chunk, 8, 2, 0, 0, 0) // eight bits of red, green and blue
	data := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), uint32(len(chunk)-4))
	data = append(data, chunk...)
	data = binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(chunk))
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(data)
}

// leastTokens is the least that an image is reduced to: less shows nothing.
const leastTokens = 16

// Fit returns images that cost at most budget tokens together: the given ones, or all
// of them made smaller by the same share. If they would show nothing any more, the
// error has the kind TooLong.
func Fit(ctx context.Context, count Count, images []attach.Image, budget int) ([]attach.Image, error) {
	costs := make([]int, len(images))
	total := 0
	for i, p := range images {
		n, err := Tokens(ctx, count, p.Width, p.Height)
		if err != nil {
			return nil, err
		}
		costs[i] = n
		total += n
	}
	if total <= budget {
		return images, nil
	}
	out := make([]attach.Image, len(images))
	for i, p := range images {
		share := budget * costs[i] / total
		if share < leastTokens {
			return nil, engine.ErrTooLong(total, budget)
		}
		var err error
		if out[i], err = within(ctx, p, count, share); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// within returns an image in the most pixels that cost at most budget tokens.
func within(ctx context.Context, p attach.Image, count Count, budget int) (attach.Image, error) {
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
			return attach.Image{}, err
		case n <= budget:
			low = middle
		default:
			high = middle
		}
	}
	if low == 0 {
		return attach.Image{}, engine.ErrTooLong(1, budget)
	}
	return p.Resize(size(low))
}
