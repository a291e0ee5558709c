// Package fim requests infill from engines, in the order of prefix and suffix that their
// models expect.
package fim

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A Layout knows in which order a model reads prefix and suffix.
//
// Mistral's models read the suffix first: new input is appended to the prompt. Other models
// end with a middle token, so that a letter before it changes every position after it. For
// them, text typed since the first request is put after the middle token, as if the model
// had written it.
type Layout struct {
	engine engine.Engine
	begins bool // the middle token comes last, and text can follow it
}

// SuffixFirst reports whether prompts begin with the suffix, if known: then a prompt
// without a suffix is not the beginning of one with a suffix.
func (l Layout) SuffixFirst() bool { return !l.begins }

// A File is context from another file that the model may use.
type File struct {
	Name string
	Text string
}

// An Input is the place to fill: the text around it and its file.
type Input struct {
	Files  []File // for the model to know, the most important last
	Name   string // of the file; may be empty
	Prefix string // what comes before, without Begun
	Begun  string // the beginning of what is missing: it comes after Prefix
	Suffix string // what comes after
}

// LayoutOf finds a model's layout by tokenizing a small request and looking where its
// parts end up. For an engine without Tokenize, and for a vocabulary that puts a space
// before each text, prefix and middle are one text: that costs time and changes no answer.
// A model without infill is an error of kind Unsupported.
func LayoutOf(ctx context.Context, e engine.Engine) (Layout, error) {
	l := Layout{engine: e}
	gap, err := e.Tokenize(ctx, engine.TokenizeRequest{FIM: &engine.CompletionRequest{Prompt: "x", Suffix: "y"}})
	if info := e.Info(); info.Architecture != "" && !info.Can.FIM || err == nil && !info.Can.FIM {
		return l, &fault.Error{
			Kind: fault.Unsupported, Msg: fmt.Sprintf("%s cannot fill in the middle", info.Model),
			Advice: "Name a model for code with -m, such as codestral.",
		}
	}
	if fault.KindOf(err) == fault.Unsupported {
		return l, nil // it has no Tokenize
	}
	if err != nil {
		return l, err
	}
	text, err := e.Tokenize(ctx, engine.TokenizeRequest{Text: new("x")})
	if err != nil {
		return l, err
	}
	if n := len(gap.Pieces); n > 0 && len(text.Pieces) == 1 && text.Pieces[0] == "x" {
		l.begins = gap.Pieces[n-1] != "x"
	}
	return l, nil
}

// On returns the layout for another engine with the same model.
func (l Layout) On(e engine.Engine) Layout {
	l.engine = e
	return l
}

// Request asks for the missing text. The prompt is two texts, or token ids where two texts
// cannot express its order.
func (l Layout) Request(ctx context.Context, g Input) (engine.CompletionRequest, error) {
	prefix := g.prefix()
	suffix := g.Suffix
	if suffix == "" {
		suffix = "\n" // an empty suffix would not be infill; files end with a line break
	}
	if !l.begins || g.Begun == "" {
		return engine.CompletionRequest{Prompt: prefix + g.Begun, Suffix: suffix}, nil
	}
	gap, err := l.engine.Tokenize(ctx, engine.TokenizeRequest{FIM: &engine.CompletionRequest{Prompt: prefix, Suffix: suffix}})
	if err != nil {
		return engine.CompletionRequest{}, err
	}
	begun, err := l.engine.Tokenize(ctx, engine.TokenizeRequest{Text: &g.Begun})
	if err != nil {
		return engine.CompletionRequest{}, err
	}
	return engine.CompletionRequest{Tokens: append(gap.IDs, begun.IDs...)}, nil
}

// prefix is the text before the cursor, after the context files, which have the marker
// that Codestral was trained with.
func (g *Input) prefix() string {
	if len(g.Files) == 0 {
		return g.Prefix
	}
	var b strings.Builder
	for _, f := range g.Files {
		b.WriteString(f.Marked())
	}
	b.WriteString(mark(g.Name))
	b.WriteString(g.Prefix)
	return b.String()
}

// Marked is the file as the model reads it, before the file to complete.
func (f File) Marked() string {
	text := mark(f.Name) + f.Text
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + "\n"
}

// mark is the line that begins a file.
func mark(name string) string {
	name = cmp.Or(name, "untitled")
	return "+++++ " + strings.ReplaceAll(name, "\n", " ") + "\n"
}
