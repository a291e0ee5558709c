package lsp

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/modes/code"
)

// alternatives is the number of additional completions for an explicit request.
const alternatives = 2

// inline computes the result of textDocument/inlineCompletion.
func (s *server) inline(ctx context.Context, session *code.Session, r request) (any, error) {
	c, err := session.Complete(ctx, r.place)
	if err != nil {
		return nil, err
	}
	all := []code.Completion{c}
	if r.params.Context.TriggerKind == inlineInvoked {
		more, err := session.Alternatives(ctx, r.place, alternatives)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil { // La Plateforme has no n for completions
			s.c.Logger.Info("no alternatives", "kind", fault.KindOf(err))
		}
		all = append(all, more...)
	}
	// The inserted text includes the selected item of a completion list.
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

// ordinary computes the result of textDocument/completion. The item includes the word
// before the cursor, because clients filter items by it.
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
		Documentation: markupContent{"markdown", chat.CodeBlock("", text)},
		SortText:      " ", // before the items of other servers
		FilterText:    text,
		TextEdit: textEdit{
			Range:   span{s.encoding.position(r.text, r.place.At-len(word)), s.encoding.position(r.text, r.place.At)},
			NewText: text,
		},
	})
	return list, nil
}

// wordBefore returns the word that ends at an offset.
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
