package local

import (
	"iter"
	"slices"
	"strings"
)

// Split yields the parts of a text that llama.cpp may tokenize one by one, and the offset of each.
// llama.cpp matches user-defined tokens anywhere in a text (<tool_call> is one in some
// vocabularies), so text that spells one of markup is split inside it.
func Split(text string, markup []string) iter.Seq2[int, string] {
	var cuts []int
	for _, name := range markup {
		for at := 0; ; at++ {
			i := strings.Index(text[at:], name)
			if i < 0 {
				break
			}
			at += i
			cuts = append(cuts, at+1)
		}
	}
	slices.Sort(cuts)
	return func(yield func(int, string) bool) {
		from := 0
		for _, to := range append(slices.Compact(cuts), len(text)) {
			if !yield(from, text[from:to]) {
				return
			}
			from = to
		}
	}
}
