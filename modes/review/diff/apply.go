package diff

import (
	"fmt"
	"strings"
)

// Apply applies hunks to a text, with the same rules as git apply: all context must
// match; the search for a hunk starts at its line and moves outwards; a hunk that
// begins at the first line must match there; a hunk without trailing context must
// match at the end of the text; and a hunk cannot change lines that another hunk wrote.
func Apply(text string, hunks []Hunk) (string, error) {
	img := newImage(text)
	for i, h := range hunks {
		if !img.apply(h) {
			return "", fmt.Errorf("hunk %d does not apply near line %d", i+1, h.Old.Start)
		}
	}
	return img.String(), nil
}

// An image is a text divided into lines, which include their newlines.
type image []imageLine

type imageLine struct {
	text    string
	patched bool // an earlier hunk wrote it
}

func newImage(text string) image {
	var img image
	for line := range strings.Lines(text) {
		img = append(img, imageLine{text: line})
	}
	return img
}

func (img image) String() string {
	var b strings.Builder
	for _, l := range img {
		b.WriteString(l.text)
	}
	return b.String()
}

// apply applies one hunk and reports whether it matched.
func (img *image) apply(h Hunk) bool {
	var before []string
	var after image
	trailing := 0
	for _, l := range h.Lines {
		text := l.Text
		if !l.NoEnd {
			text += "\n"
		}
		if l.Op != Add {
			before = append(before, text)
		}
		if l.Op != Delete {
			after = append(after, imageLine{text, true})
		}
		trailing++
		if l.Op != Context {
			trailing = 0
		}
	}
	at, ok := img.find(before, max(0, h.New.Start-1), h.Old.Start <= 1, trailing == 0)
	if !ok {
		return false
	}
	rest := (*img)[at+len(before):]
	*img = append(append((*img)[:at:at], after...), rest...)
	return true
}

// find searches for lines, alternately after and before index from.
func (img image) find(lines []string, from int, atStart, atEnd bool) (int, bool) {
	if atStart {
		from = 0
	} else if atEnd {
		from = len(img) - len(lines)
	}
	if from < 0 || from > len(img) {
		from = len(img)
	}
	for distance := 0; distance <= len(img); distance++ {
		for _, at := range []int{from + distance, from - distance} {
			if img.matches(lines, at, atStart, atEnd) {
				return at, true
			}
		}
	}
	return 0, false
}

func (img image) matches(lines []string, at int, atStart, atEnd bool) bool {
	end := at + len(lines)
	if at < 0 || end > len(img) || atStart && at != 0 || atEnd && end != len(img) {
		return false
	}
	for i, line := range lines {
		if l := img[at+i]; l.patched || l.text != line {
			return false
		}
	}
	return true
}
