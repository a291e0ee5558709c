package code

import (
	"context"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A meter cuts texts to a number of tokens.
type meter struct {
	engine engine.Engine

	mu      sync.Mutex
	ratio   float64        // bytes that a token has; 0 while nothing was counted
	blind   bool           // the engine tells no tokens
	counted map[string]int // of texts that are counted often
}

// usualRatio is how many bytes of code a token has in most vocabularies, on the
// side that makes a text count as more rather than less.
const usualRatio = 3.0

// count is how many tokens a text has, roughly where the engine does not tell.
func (m *meter) count(ctx context.Context, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	m.mu.Lock()
	blind := m.blind
	m.mu.Unlock()
	if blind {
		return int(float64(len(text))/usualRatio) + 1, nil
	}
	tokens, err := m.engine.Tokenize(ctx, engine.TokenizeRequest{Text: &text})
	if fault.KindOf(err) == fault.Unsupported {
		m.mu.Lock()
		m.blind = true
		m.mu.Unlock()
		return m.count(ctx, text)
	}
	if err != nil {
		return 0, err
	}
	n := len(tokens.IDs)
	if len(text) >= 256 {
		m.mu.Lock()
		m.ratio = float64(len(text)) / float64(max(1, n))
		m.mu.Unlock()
	}
	return n, nil
}

// again counts a text that was probably counted before.
func (m *meter) again(ctx context.Context, text string) (int, error) {
	m.mu.Lock()
	n, ok := m.counted[text]
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
	if len(m.counted) >= 4*ringSize || m.counted == nil {
		m.counted = map[string]int{}
	}
	m.counted[text] = n
	return n, nil
}

// bytes is about how many n tokens have.
func (m *meter) bytes(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	ratio := m.ratio
	if ratio == 0 {
		ratio = usualRatio
	}
	return int(float64(n) * ratio)
}

// tail gives where the last lines of a text begin that have at most n tokens, and
// how many they have.
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

// lead gives where the first lines of a text end that have at most n tokens, and
// how many they have.
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

// fit takes less of a text until it has at most n tokens.
func (m *meter) fit(ctx context.Context, n int, take func(bytes int) string) (tokens int, err error) {
	for bytes := m.bytes(n); ; {
		part := take(bytes)
		if n <= 0 {
			part = take(0)
		}
		if tokens, err = m.count(ctx, part); err != nil || tokens <= n || part == "" {
			return tokens, err
		}
		// As much as would have been right, and a little less: the loop ends.
		bytes = min(len(part)-1, len(part)*n/tokens*15/16)
	}
}

// runeAt is the last beginning of a rune at or before an offset.
func runeAt(text string, at int) int {
	at = max(0, at)
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
