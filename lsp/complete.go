package lsp

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/modes/code"
)

// alternatives is how many other texts a person gets who asks for a completion.
const alternatives = 2

// inline answers a request for an inline completion.
func (s *server) inline(ctx context.Context, session *code.Session, r request) (any, error) {
	c, err := session.Complete(ctx, r.place)
	if err != nil {
		return nil, err
	}
	all := []code.Completion{c}
	if r.params.Context.TriggerKind == inlineInvoked {
		more, err := session.Alternatives(ctx, r.place, alternatives)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	// What is selected in a list is put in, too; else nothing is replaced.
	selected, where := "", span{r.params.Position, r.params.Position}
	if info := r.params.Context.SelectedCompletionInfo; info != nil {
		selected, where = info.Text, info.Range
	}
	list := inlineCompletionList{Items: []inlineCompletionItem{}}
	for _, c := range all {
		if c.Text != "" {
			list.Items = append(list.Items, inlineCompletionItem{InsertText: selected + c.Text, Range: where})
		}
	}
	return list, nil
}

// ordinary answers a request for completions in a list. The item takes the word
// before the cursor along, because clients show what begins like it.
func (s *server) ordinary(ctx context.Context, session *code.Session, r request) (any, error) {
	c, err := session.Complete(ctx, r.place)
	if err != nil {
		return nil, err
	}
	list := completionList{IsIncomplete: true, Items: []completionItem{}}
	if c.Text == "" {
		return list, nil
	}
	word := wordBefore(r.text, r.place.At)
	text := word + c.Text
	label, _, several := strings.Cut(strings.TrimSpace(text), "\n")
	if label = strings.TrimSpace(label); several {
		label += " …"
	}
	list.Items = append(list.Items, completionItem{
		Label: label, Kind: kindText, Detail: "bise",
		Documentation: markupContent{"markdown", fenced(text)},
		SortText:      " ", // before what others know: it is what the person sees last otherwise
		FilterText:    text,
		TextEdit: textEdit{
			Range:   span{s.encoding.position(r.text, r.place.At-len(word)), s.encoding.position(r.text, r.place.At)},
			NewText: text,
		},
	})
	return list, nil
}

// wordBefore is the word that ends at an offset.
func wordBefore(text string, at int) string {
	start := at
	for start > 0 {
		r, n := utf8.DecodeLastRuneInString(text[:start])
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		start -= n
	}
	return text[start:at]
}

// fenced is a text as a block of code.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + text + "\n" + fence
}
