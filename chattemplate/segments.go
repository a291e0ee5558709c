package template

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/chattemplate/jinja"
	"github.com/bise-sh/bise/mistral/prompt"
)

// spellings maps a first byte to tokens, the longest first.
type spellings map[byte][]string

// newSpellings keeps the tokens that differ from text. Tokens of white space only, which
// some vocabularies have many of, carry no structure: the tokenizer finds them.
func newSpellings(tokens []string) spellings {
	s := spellings{}
	for _, t := range tokens {
		if strings.Trim(t, " \t\r\n▁") != "" && !slices.Contains(s[t[0]], t) {
			s[t[0]] = append(s[t[0]], t)
		}
	}
	for _, list := range s {
		slices.SortFunc(list, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	}
	return s
}

// at returns the longest token at the beginning of text, or "".
func (s spellings) at(text string) string {
	for _, t := range s[text[0]] {
		if strings.HasPrefix(text, t) {
			return t
		}
	}
	return ""
}

// segments finds control tokens in text of the template only. Adjacent text of the
// template and of the user becomes one span, tokenized together.
func (s spellings) segments(out jinja.Text) []prompt.Segment {
	var list []prompt.Segment
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			list = append(list, prompt.Segment{Text: text.String()})
			text.Reset()
		}
	}
	for run, source := range out.Runs() {
		if source != 0 {
			text.WriteString(run)
			continue
		}
		from := 0
		for i := 0; i < len(run); {
			t := s.at(run[i:])
			if t == "" {
				i++
				continue
			}
			text.WriteString(run[from:i])
			flush()
			list = append(list, prompt.Segment{Control: t})
			i += len(t)
			from = i
		}
		text.WriteString(run[from:])
	}
	flush()
	return list
}

// appendText adds text to the end of a prompt.
func appendText(list []prompt.Segment, text string) []prompt.Segment {
	if n := len(list); n > 0 && list[n-1].Control == "" {
		list[n-1].Text += text
		return list
	}
	return append(list, prompt.Segment{Text: text})
}
