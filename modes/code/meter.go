package code

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

// A meter counts tokens and truncates texts to a number of tokens.
type meter struct {
	tokens engine.TokenCounter

	mu     sync.Mutex
	ratio  float64        // bytes per token; 0 before the first count
	counts map[string]int // cached counts of texts that are counted often
}

// usualRatio is a low estimate of the bytes per token in code.
const usualRatio = 3.0

// count returns the number of tokens in a text.
func (m *meter) count(ctx context.Context, text string) (int, error) {
	n, err := m.tokens.Count(ctx, text)
	if err == nil && len(text) >= 256 {
		m.mu.Lock()
		m.ratio = float64(len(text)) / float64(max(1, n))
		m.mu.Unlock()
	}
	return n, err
}

// cachedCount is count with a cache.
func (m *meter) cachedCount(ctx context.Context, text string) (int, error) {
	m.mu.Lock()
	n, ok := m.counts[text]
	m.mu.Unlock()
	if ok {
		return n, nil
	}
	n, err := m.count(ctx, text)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.counts) >= 4*ringSize || m.counts == nil {
		m.counts = map[string]int{}
	}
	m.counts[text] = n
	return n, nil
}

// bytes estimates the size of n tokens.
func (m *meter) bytes(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	ratio := m.ratio
	if ratio == 0 {
		ratio = usualRatio
	}
	return int(float64(n) * ratio)
}

// tail returns the start of the longest run of last lines that fits in n tokens, and
// its number of tokens.
func (m *meter) tail(ctx context.Context, text string, n int) (start, tokens int, err error) {
	tokens, err = m.fit(ctx, n, func(bytes int) string {
		start = 0
		if bytes < len(text) {
			start = runeAt(text, len(text)-bytes)
			if end := strings.IndexByte(text[start:], '\n'); end >= 0 && start+end+1 < len(text) {
				start += end + 1
			}
		}
		return text[start:]
	})
	return start, tokens, err
}

// lead returns the end of the longest run of first lines that fits in n tokens, and
// its number of tokens.
func (m *meter) lead(ctx context.Context, text string, n int) (end, tokens int, err error) {
	tokens, err = m.fit(ctx, n, func(bytes int) string {
		end = len(text)
		if bytes < end {
			end = runeAt(text, bytes)
			if last := strings.LastIndexByte(text[:end], '\n'); last >= 0 {
				end = last + 1
			}
		}
		return text[:end]
	})
	return end, tokens, err
}

// fit shortens a text until it has at most n tokens.
func (m *meter) fit(ctx context.Context, n int, take func(bytes int) string) (tokens int, err error) {
	for bytes := m.bytes(n); ; {
		part := take(bytes)
		if n <= 0 {
			part = take(0)
		}
		if tokens, err = m.count(ctx, part); err != nil || tokens <= n || part == "" {
			return tokens, err
		}
		// Slightly less than proportional, so that the loop ends.
		bytes = min(len(part)-1, len(part)*n/tokens*15/16)
	}
}

// runeAt returns the start of the rune at an offset.
func runeAt(text string, at int) int {
	at = max(0, at)
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
