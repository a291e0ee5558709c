package math

import (
	"regexp"
	"slices"
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
	said      = regexp.MustCompile(`(?i)` + saying)
	saidAgain = regexp.MustCompile(`(?i)^\W*(?:the\s+|our\s+|my\s+)?` + saying)
	hashed    = regexp.MustCompile(`(?m)^####\s*(.+)$`)
	displayed = regexp.MustCompile(`(?s)` + display)
	several   = regexp.MustCompile(`(?s)^\s*(?:` + display + `)(?:\s*` + conjunction + `\s*(?:` + display + `))+`)
	joins     = regexp.MustCompile(`^\W*` + conjunction + `\W*(?:\w+\s*=\s*)?$`)
	numerals  = regexp.MustCompile(`[-−]?\d[\d,]*(?:\.\d+)?(?:/\d+)?`)
	// sentence matches the end of what a sentence says: a full stop, or a reason.
	sentence = regexp.MustCompile(`(?i)\.(?:\s|$)|\n|,?\s+(?:because|since|as|so|which|where|not)\b`)
)

const (
	// saying is how a sentence begins that says the answer.
	saying = `(?:final\s+answers?|answers?|results?|solutions?)(?:\s+(?:to|of)\s+[^.\n:=]{1,80}?)?\s*(?:\*\*)?\s*(?:\bis\b|\bare\b|:|=)\s*(?:\*\*)?\s*:?\s*`
	// display is a formula between its delimiters. In "$5 or $6" the dollars are amounts: there is a
	// space before the second.
	display = `\$\$(.+?)\$\$|\\\[(.+?)\\\]|\$([^\s$]|[^\s$][^$\n]*[^\s$])\$|\\\((.+?)\\\)`
	// conjunction stands between several answers.
	conjunction = `(?:,|,?\s*(?:\\text\{\s*)?\b(?:and|or)\b\s*\}?)`
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
	for _, after := range slices.Backward(sayings(solution)) {
		if a := saidAnswer(after); a.How != None {
			return a
		}
	}
	if text, ok := lastResult(displayed.FindAllStringSubmatch(solution, -1)); ok {
		return answer(text, Last)
	}
	if all := numerals.FindAllString(solution, -1); len(all) > 0 {
		return answer(all[len(all)-1], Last)
	}
	return Answer{}
}

// longestAnswer is the largest number of words of an answer in words.
const longestAnswer = 5

// sayings returns what follows the first "the answer is" of each line.
func sayings(solution string) []string {
	var after []string
	end := 0
	for _, at := range said.FindAllStringIndex(solution, -1) {
		if end == 0 || strings.Contains(solution[end:at[0]], "\n") {
			after = append(after, solution[at[1]:])
			end = at[1]
		}
	}
	return after
}

// lastResult returns the last formula that can be an answer. A variable alone is not, and an
// equation is not if it is still to be solved.
func lastResult(formulas [][]string) (string, bool) {
	if len(formulas) == 0 {
		return "", false
	}
	for _, m := range slices.Backward(formulas) {
		text := strings.Join(m[1:], "")
		switch v := Parse(text); v.kind {
		case formula:
			if _, name := v.x.(variable); !name {
				return text, true
			}
		case relation:
			if _, name := v.items[0].x.(variable); name || v.op != "=" {
				return text, true
			}
		case tuple, set, matrix:
			return text, true
		}
	}
	return strings.Join(formulas[len(formulas)-1][1:], ""), true
}

// saidAnswer is the answer at the beginning of a text that follows "the answer is", if there is
// one: of "the number 9" or "9, as 4 + 5 is 9" it is 9.
func saidAnswer(text string) Answer {
	for at := saidAgain.FindStringIndex(text); at != nil; at = saidAgain.FindStringIndex(text) {
		text = text[at[1]:]
	}
	if m := several.FindString(text); m != "" {
		text = displayed.ReplaceAllString(m, "$1$2$3$4")
	} else if at := displayed.FindStringSubmatchIndex(text); at != nil && strings.Trim(text[:at[0]], " *\n") == "" {
		text = strings.Join(displayed.FindStringSubmatch(text)[1:], "")
	} else if i := sentence.FindStringIndex(text); i != nil {
		text = text[:i[0]]
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return Answer{}
	}
	a := answer(text, Said)
	if !a.Value.HasWords() {
		return a
	}
	if at := numerals.FindAllStringIndex(text, 2); len(at) == 1 || len(at) > 1 && strings.Trim(text[:at[0][0]], " *$") == "" {
		return answer(text[at[0][0]:at[0][1]], Said)
	}
	if len(strings.Fields(text)) > longestAnswer {
		return Answer{}
	}
	return a
}

func answer(text string, how How) Answer {
	text = strings.TrimSpace(strings.Trim(strings.TrimSpace(text), "*"))
	text = strings.Trim(strings.TrimRight(text, "., \n"), ":")
	if text == "" {
		return Answer{}
	}
	return Answer{Text: text, Value: Parse(text), How: how}
}

// boxed returns the content of the last closed \boxed, and of those before it that it is joined
// to: \boxed{2} or \boxed{3}.
func boxed(s string) (string, bool) {
	text, from, _, ok := lastBox(s)
	for ok {
		before, start, end, found := lastBox(s[:from])
		if !found || !joins.MatchString(s[end:from]) {
			break
		}
		text, from = before+", "+text, start
	}
	return text, ok
}

// lastBox returns the content of the last closed \boxed, and where the command is.
func lastBox(s string) (text string, from, to int, ok bool) {
	for end := len(s); ; {
		i := max(strings.LastIndex(s[:end], `\boxed{`), strings.LastIndex(s[:end], `\fbox{`))
		if i < 0 {
			return "", 0, 0, false
		}
		open := i + strings.IndexByte(s[i:], '{') + 1
		if in, rest, ok := tex.Group(s[open:]); ok && strings.TrimSpace(in) != "" {
			return in, i, len(s) - len(rest), true
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
