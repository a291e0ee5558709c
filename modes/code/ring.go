package code

import (
	"slices"
	"strings"

	"github.com/bise-sh/bise/mistral/fim"
)

const (
	ringSize   = 16 // chunks
	chunkLines = 64
	// minShare is the share of common lines from which two chunks count as equal.
	minShare = 0.75
	// near is about the number of bytes before and after the cursor in a prompt.
	near = 32 << 10
)

// A ring holds chunks of recently visited files, the latest last.
type ring struct{ chunks []fim.File }

// add adds the lines around a place. They replace a similar chunk or, if the ring is
// full, the oldest one.
func (r *ring) add(p Place) {
	chunk := fim.File{Name: p.File, Text: around(p.Text, p.At)}
	if blank(chunk.Text) {
		return
	}
	r.chunks = slices.DeleteFunc(r.chunks, func(o fim.File) bool { return share(o.Text, chunk.Text) > minShare })
	if over := len(r.chunks) + 1 - ringSize; over > 0 {
		r.chunks = slices.Delete(r.chunks, 0, over)
	}
	r.chunks = append(r.chunks, chunk)
}

// context returns the chunks that do not repeat the text around a place.
func (r *ring) context(p Place) []fim.File {
	from, to := max(0, p.At-near), min(len(p.Text), p.At+near)
	var out []fim.File
	for _, c := range r.chunks {
		same := c.Name == p.File && from == 0 && to == len(p.Text) // possibly an older version
		if !same && share(c.Text, p.Text[from:to]) <= minShare {
			out = append(out, c)
		}
	}
	return out
}

// around returns up to chunkLines lines around an offset.
func around(text string, at int) string {
	start, end := at, at
	for range chunkLines/2 + 1 {
		start = strings.LastIndexByte(text[:max(0, start-1)], '\n') + 1
	}
	for range chunkLines / 2 {
		n := strings.IndexByte(text[end:], '\n')
		if n < 0 {
			end = len(text)
			break
		}
		end += n + 1
	}
	return text[start:end]
}

// share returns the share of a text's lines that another text contains, 0 to 1. It
// ignores lines without a word.
func share(text, other string) float64 {
	has := map[string]bool{}
	for line := range strings.Lines(other) {
		has[strings.TrimSpace(line)] = true
	}
	all, found := 0, 0
	for line := range strings.Lines(text) {
		if trivial(line) {
			continue
		}
		all++
		if has[strings.TrimSpace(line)] {
			found++
		}
	}
	if all == 0 {
		return 1
	}
	return float64(found) / float64(all)
}
