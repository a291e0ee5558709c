// Package fim asks engines to fill in text in the middle, in the order in which
// their models read it.
package fim

import (
	"context"
	"fmt"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

// A Layout knows in which order a model reads a text with a gap.
//
// Mistral's models read what comes after the gap first, and then what comes
// before it: what is typed is added at the end of the prompt. Others end with a
// token that stands for the gap, so that a letter before it moves everything
// after it. There, what was typed since the prompt was first read is put behind
// that token, as if the model had written it itself.
type Layout struct {
	engine engine.Engine
	begins bool // the gap's token comes last, and text can be put behind it
}

// SuffixFirst reports that prompts begin with what comes after the gap, as far as
// is known: then a prompt without it is not the beginning of one that has it.
func (l Layout) SuffixFirst() bool { return !l.begins }

// A File is text from elsewhere that tells the model what it may use.
type File struct {
	Name string
	Text string
}

// A Gap is a text with something missing in it.
type Gap struct {
	Files  []File // for the model to know, the most important last
	Name   string // of the file with the gap; may be empty
	Prefix string // what comes before, without Begun
	Begun  string // the beginning of what is missing: it comes after Prefix
	Suffix string // what comes after
}

// LayoutOf finds out how the model of an engine reads gaps, by looking where the
// parts of a small one end up. For an engine that does not tell tokens, and for
// a vocabulary that puts a space before each text, prefix and beginning are one
// text: that costs time and changes no answer. A model that cannot fill in is an
// error of kind Unsupported.
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
		return l, nil // it tells no tokens
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

// Request asks for what is missing. The prompt is two texts of which the engine
// makes tokens, or token ids where its order cannot be said otherwise.
func (l Layout) Request(ctx context.Context, g Gap) (engine.CompletionRequest, error) {
	prefix := g.prefix()
	suffix := g.Suffix
	if suffix == "" {
		suffix = "\n" // without one, the model would not be asked to fill in; files end so
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

// prefix is what comes before the gap, after the files. Their mark is the one
// that Codestral has seen.
func (g *Gap) prefix() string {
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

// Marked is the file as the model reads it, before the one with the gap.
func (f File) Marked() string {
	text := mark(f.Name) + f.Text
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + "\n"
}

// mark is the line that begins a file.
func mark(name string) string {
	if name == "" {
		name = "untitled"
	}
	return "+++++ " + strings.ReplaceAll(name, "\n", " ") + "\n"
}
