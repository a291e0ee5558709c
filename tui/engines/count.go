package engines

import (
	"context"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/vision"
)

// maxCounted is the longest text whose tokens are counted, in bytes. The tokens of a longer text
// are estimated from its beginning.
const maxCounted = 2_000_000

// A Counter counts tokens for a model. Commands may use it. Its counts are 0 if they are unknown.
type Counter struct {
	e      engine.Engine // nil: not ready
	remote bool
}

// Counter returns a counter for a model, which may be nil.
func (m *Model) Counter() Counter {
	if m == nil || m.State != Ready {
		return Counter{}
	}
	return Counter{m.Engine, m.Server != ""}
}

// Text counts the tokens of a text. Those of a server are estimated: a text is not sent before
// the user sends it.
func (c Counter) Text(ctx context.Context, text string) (tokens int, estimated bool) {
	switch {
	case c.e == nil || text == "":
		return 0, false
	case c.remote:
		return engine.EstimateTokens(len(text)), true
	}
	beginning := strings.ToValidUTF8(text[:min(len(text), maxCounted)], "")
	counted, err := c.e.Tokenize(ctx, engine.TokenizeRequest{Text: &beginning})
	if fault.KindOf(err) == fault.Unsupported {
		return engine.EstimateTokens(len(text)), true
	}
	n, rest := len(counted.IDs), max(0, len(text)-maxCounted)
	return n + int(float64(n)*float64(rest)/maxCounted), rest > 0
}

// Image counts the tokens of an image of a size.
func (c Counter) Image(ctx context.Context, width, height int) int {
	if c.e == nil {
		return 0
	}
	n, err := vision.Tokens(ctx, vision.CountBy(c.e), width, height)
	if err != nil {
		return 0
	}
	return n
}

// Audio counts the tokens of audio, a data: URL.
func (c Counter) Audio(ctx context.Context, url string) int {
	if c.e == nil || c.remote {
		return 0
	}
	n, err := vision.AudioTokens(ctx, vision.CountBy(c.e), url)
	if err != nil {
		return 0
	}
	return n
}
