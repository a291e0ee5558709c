// Package suggest finds the word a user probably meant.
package suggest

import "strings"

// longest is the most runes that a word is looked at with; what is longer was
// not mistyped.
const longest = 128

// Word is the known word that typed most likely stands for: the one with the
// fewest slips between them, as long as they are at most a third of its runes
// (one slip is always allowed), or the only one that begins with what was
// typed. It is "" when nothing is near.
func Word(typed string, known []string) string {
	t := []rune(strings.ToLower(typed))
	if len(t) == 0 || len(t) > longest {
		return ""
	}
	best, least := "", max(1, len(t)/3)+1
	var begin []string
	for _, word := range known {
		w := []rune(strings.ToLower(word))
		if len(w) > longest {
			continue
		}
		if strings.HasPrefix(string(w), string(t)) {
			begin = append(begin, word)
		}
		if d := slips(t, w); d < least {
			best, least = word, d
		}
	}
	if best == "" && len(begin) == 1 {
		best = begin[0]
	}
	return best
}

// slips counts the runes to insert, leave out, change or swap with their
// neighbour on the way from a to b (optimal string alignment distance).
func slips(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
