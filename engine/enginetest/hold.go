package enginetest

import (
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

// A holder gives text back as soon as it is sure: whole runes that are not the
// beginning of a stop string.
type holder struct {
	stops []string
	text  string           // held back
	logs  []engine.Logprob // of the tokens in text
	ends  []int            // where in text each of these tokens ends
	found string           // the stop string that ended the text
}

// add takes the piece of one token and its logprob (nil if not requested). It returns
// the text that is safe to emit, and whether a stop string was found.
func (h *holder) add(piece string, log *engine.Logprob) (text string, logs []engine.Logprob, stopped bool) {
	h.text += piece
	if log != nil {
		h.logs = append(h.logs, *log)
		h.ends = append(h.ends, len(h.text))
	}
	stop := h.stop(len(h.text) - len(piece))
	if stop >= 0 {
		// The tokens of the stop string are not part of the text.
		text, logs = h.take(stop)
		h.text, h.logs, h.ends = "", nil, nil
		return text, logs, true
	}
	text, logs = h.take(len(h.text) - h.unsure())
	return text, logs, false
}

// stop returns where the first complete stop string begins, the longest one if several
// end at the same byte, or -1. The first n bytes have been searched before.
func (h *holder) stop(n int) int {
	for end := n + 1; end <= len(h.text); end++ {
		longest := ""
		for _, s := range h.stops {
			if len(s) > len(longest) && strings.HasSuffix(h.text[:end], s) {
				longest = s
			}
		}
		if longest != "" {
			h.found = longest
			return end - len(longest)
		}
	}
	return -1
}

// rest returns the text still held, at the end of an answer.
func (h *holder) rest() (string, []engine.Logprob) { return h.take(len(h.text)) }

// take returns the first n bytes, and the tokens that end in them.
func (h *holder) take(n int) (string, []engine.Logprob) {
	var logs []engine.Logprob
	for len(h.ends) > 0 && h.ends[0] <= n {
		logs = append(logs, h.logs[0])
		h.logs, h.ends = h.logs[1:], h.ends[1:]
	}
	for i := range h.ends {
		h.ends[i] -= n
	}
	text := h.text[:n]
	h.text = h.text[n:]
	return strings.ToValidUTF8(text, "\uFFFD"), logs
}

// unsure is the number of bytes at the end that may become part of a stop string
// or of a rune.
func (h *holder) unsure() int {
	unsure := 0
	for n := 1; n < utf8.UTFMax && n <= len(h.text); n++ {
		tail := h.text[len(h.text)-n:]
		if utf8.RuneStart(tail[0]) {
			if !utf8.FullRuneInString(tail) {
				unsure = n
			}
			break
		}
	}
	for _, s := range h.stops {
		for n := min(len(s)-1, len(h.text)); n > unsure; n-- {
			if strings.HasSuffix(h.text, s[:n]) {
				unsure = n
				break
			}
		}
	}
	return unsure
}
