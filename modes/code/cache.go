package code

import (
	"slices"
	"strings"
)

const (
	cacheSize   = 64  // completions
	cacheWindow = 512 // bytes before and after the cursor that must match
)

// A cache holds completions, the latest last. They are used again while the user types
// a suggested text or returns to the same place.
type cache struct{ entries []entry }

type entry struct {
	file          string
	at            int    // the cursor
	before, after string // the surrounding text; after begins below the cursor's line
	text          string // the model's output, from the cursor
	kept          int    // bytes of text that were suggested
	whole         bool   // the model ended the text itself
}

func (c *cache) put(p Place, text string, kept int, whole bool) {
	e := entry{file: p.File, at: p.At, before: p.Text[max(0, p.At-cacheWindow):p.At], after: below(p), text: text, kept: kept, whole: whole}
	c.entries = slices.DeleteFunc(c.entries, func(o entry) bool {
		return o.file == e.file && o.at == e.at && o.before == e.before && o.after == e.after
	})
	if over := len(c.entries) + 1 - cacheSize; over > 0 {
		c.entries = slices.Delete(c.entries, 0, over)
	}
	c.entries = append(c.entries, e)
}

// find returns the rest of a completion whose beginning has been typed. A completion
// that has been typed completely does not match.
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

// below returns the text after the cursor's line. The end of the line itself does not
// count, because editors change it automatically.
func below(p Place) string {
	_, rest, _ := strings.Cut(p.after(), "\n")
	return rest[:min(cacheWindow, len(rest))]
}
