package code

import (
	"slices"
	"strings"
)

const (
	cacheSize = 64  // completions
	seen      = 512 // bytes before and after the cursor that must be the same
)

// A cache holds what the model wrote, the latest last, to serve it again while the
// person types it along or comes back.
type cache struct{ entries []entry }

type entry struct {
	file          string
	at            int    // the cursor
	before, after string // what is around it; after begins below the cursor's line
	text          string // as the model wrote it, from the cursor on
	kept          int    // bytes of it that were suggested
	whole         bool   // the model ended it itself
}

func (c *cache) put(p Place, text string, kept int, whole bool) {
	e := entry{file: p.File, at: p.At, before: p.Text[max(0, p.At-seen):p.At], after: below(p), text: text, kept: kept, whole: whole}
	c.entries = slices.DeleteFunc(c.entries, func(o entry) bool {
		return o.file == e.file && o.at == e.at && o.before == e.before && o.after == e.after
	})
	if over := len(c.entries) + 1 - cacheSize; over > 0 {
		c.entries = slices.Delete(c.entries, 0, over)
	}
	c.entries = append(c.entries, e)
}

// find gives what is left of a completion whose beginning has been typed. Of one
// that has been typed to its end, nothing is: what comes next is another.
func (c *cache) find(p Place) (e entry, ok bool) {
	after := below(p)
	for _, e := range slices.Backward(c.entries) {
		typed := p.At - e.at
		if e.file != p.File || typed < 0 || typed > 0 && typed >= e.kept || e.after != after {
			continue
		}
		if strings.HasSuffix(p.Text[:e.at], e.before) && strings.HasPrefix(e.text, p.Text[e.at:p.At]) {
			e.text = e.text[typed:]
			return e, true
		}
	}
	return entry{}, false
}

// below is what comes after the cursor's line, whose end an editor may change by
// itself.
func below(p Place) string {
	_, rest, _ := strings.Cut(p.after(), "\n")
	return rest[:min(seen, len(rest))]
}
