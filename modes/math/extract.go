package math

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/bise-sh/bise/tex"
)

// An Answer is the final answer of a solution.
type Answer struct {
	Text  string // as written, without its marker
	Value Value
	How   How
}

// How is the way in which a final answer is marked.
type How int

const (
	None  How = iota // no answer
	Last             // not marked: the last expression
	Said             // "the answer is …"
	Boxed            // \boxed{…}
)

var (
	said      = regexp.MustCompile(`(?i)(?:final\s+answer|answer|result|solution)(?:\s+(?:to|of)\s+[^.\n:=]{1,80}?)?\s*(?:\*\*)?\s*(?:is|are|:|=)\s*(?:\*\*)?\s*:?\s*(.+)`)
	hashed    = regexp.MustCompile(`(?m)^####\s*(.+)$`)
	displayed = regexp.MustCompile(`(?s)\$\$(.+?)\$\$|\\\[(.+?)\\\]|\$([^$\n]+)\$|\\\((.+?)\\\)`)
	numerals  = regexp.MustCompile(`[-−]?\d[\d,]*(?:\.\d+)?(?:/\d+)?`)
	sentence  = regexp.MustCompile(`\.(?:\s|$)|\n`)
)

// extract finds the final answer of a solution: the last \boxed; otherwise a sentence
// such as "the answer is …"; otherwise the last formula or number.
func extract(solution string, cut bool) Answer {
	if text, ok := boxed(solution); ok {
		return answer(text, Boxed)
	}
	if cut {
		solution = whole(solution)
	}
	if all := hashed.FindAllStringSubmatch(solution, -1); len(all) > 0 {
		return answer(all[len(all)-1][1], Said)
	}
	if all := said.FindAllStringSubmatch(solution, -1); len(all) > 0 {
		text := all[len(all)-1][1]
		if i := sentence.FindStringIndex(text); i != nil {
			text = text[:i[0]]
		}
		if m := displayed.FindStringSubmatch(text); m != nil && strings.HasPrefix(strings.TrimSpace(text), m[0][:1]) {
			text = m[1] + m[2] + m[3] + m[4]
		}
		if strings.TrimSpace(strings.Trim(text, "*.: ")) != "" {
			return answer(text, Said)
		}
	}
	if all := displayed.FindAllStringSubmatch(solution, -1); len(all) > 0 {
		m := all[len(all)-1]
		return answer(m[1]+m[2]+m[3]+m[4], Last)
	}
	if all := numerals.FindAllString(solution, -1); len(all) > 0 {
		return answer(all[len(all)-1], Last)
	}
	return Answer{}
}

func answer(text string, how How) Answer {
	text = strings.TrimSpace(strings.Trim(strings.TrimSpace(text), "*"))
	text = strings.TrimRight(text, ". \n")
	if text == "" {
		return Answer{}
	}
	return Answer{Text: text, Value: Parse(text), How: how}
}

// boxed returns the content of the last closed \boxed.
func boxed(s string) (string, bool) {
	for end := len(s); ; {
		i := max(strings.LastIndex(s[:end], `\boxed{`), strings.LastIndex(s[:end], `\fbox{`))
		if i < 0 {
			return "", false
		}
		open := i + strings.IndexByte(s[i:], '{') + 1
		if in, _, ok := tex.Group(s[open:]); ok && strings.TrimSpace(in) != "" {
			return in, true
		}
		end = i
	}
}

// whole returns a solution that was cut off without the word or formula at its end, which
// may be incomplete: 7 of 72, or 48 + 24 without its result.
func whole(s string) string {
	from := strings.LastIndexByte(s, '\n') + 1
	line := s[from:]
	line = line[:strings.LastIndexFunc(line, unicode.IsSpace)+1]
	for {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		i := strings.LastIndexFunc(line, unicode.IsSpace) + 1
		if line == "" || !mathematical(line[i:]) {
			return s[:from] + line
		}
		line = line[:i]
	}
}
