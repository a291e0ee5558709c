package engine

import (
	"context"
	"sync/atomic"

	"github.com/bise-sh/bise/fault"
)

// A TokenCounter counts the tokens of texts. If its engine cannot count, it estimates.
// It is safe for concurrent use.
type TokenCounter struct {
	Engine    Engine
	estimates atomic.Bool
}

// Count returns the number of tokens in a text.
func (c *TokenCounter) Count(ctx context.Context, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	if c.estimates.Load() {
		return EstimateTokens(len(text)), nil
	}
	tokens, err := c.Engine.Tokenize(ctx, TokenizeRequest{Text: &text})
	if fault.KindOf(err) == fault.Unsupported {
		c.estimates.Store(true)
		return EstimateTokens(len(text)), nil
	}
	return len(tokens.IDs), err
}

// EstimateTokens returns the likely number of tokens in n bytes of code. It is rather
// too high.
func EstimateTokens(n int) int { return (n + 2) / 3 }
