package code

import (
	"slices"
	"strings"

	"github.com/bise-sh/bise/mistral/fim"
)

const (
	ringSize   = 16 // chunks
	chunkLines = 64
	// alike is how much of a chunk's lines another one has when it says the same.
	alike = 0.75
	// near is how many bytes before and after the cursor the model sees, more or less.
	near = 32 << 10
)

// A ring holds pieces of the files that the person has been in, the latest last.
type ring struct{ chunks []fim.File }

// add takes the lines around a place. A chunk that says the same gives way, and
// else the oldest one.
func (r *ring) add(p Place) {
	chunk := fim.File{Name: p.File, Text: around(p.Text, p.At)}
	if blank(chunk.Text) {
		return
	}
	r.chunks = slices.DeleteFunc(r.chunks, func(o fim.File) bool { return share(o.Text, chunk.Text) > alike })
	if over := len(r.chunks) + 1 - ringSize; over > 0 {
		r.chunks = slices.Delete(r.chunks, 0, over)
	}
	r.chunks = append(r.chunks, chunk)
}

// beside are the chunks that do not repeat what the model sees anyway around a
// place.
func (r *ring) beside(p Place) []fim.File {
	from, to := max(0, p.At-near), min(len(p.Text), p.At+near)
	var out []fim.File
	for _, c := range r.chunks {
		same := c.Name == p.File && from == 0 && to == len(p.Text) // perhaps as it was before
		if !same && share(c.Text, p.Text[from:to]) <= alike {
			out = append(out, c)
		}
	}
	return out
}

// around is chunkLines of a text, the middle one at a place where there are so
// many.
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

// share is how much of a text's lines another text has, 0 to 1. Lines without a
// word do not count.
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
