package markdown

import (
	"image/color"
	"strings"
	"sync"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/yuin/goldmark/ast"

	"github.com/bise-sh/bise/render/term"
)

// maxColoured is the most code that gets colours, in bytes: a lexer takes some
// microseconds for each.
const maxColoured = 100_000

// code draws a code block in the colours of its language.
func (d *drawing) code(n ast.Node, language string) []string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		b.Write(line.Value(d.source))
	}
	space := strings.Repeat(" ", indentation(d.config.CodeBlock.StyleBlock))
	return indent(d.Highlight(ExpandTabs(strings.TrimRight(term.Clean(b.String()), "\n")), language), space, space)
}

// Highlight colours code in the renderer's style. The language is a name or a file
// name; with an unknown one the code has no colours. Tabs become four spaces, and
// control characters are removed.
func (r *Renderer) Highlight(source, language string) []string {
	source = strings.ReplaceAll(term.Clean(source), "\t", "    ")
	if language == "" || len(source) > maxColoured || r.Style.code == nil {
		return strings.Split(source, "\n")
	}
	lexer := lexerOf(language)
	if lexer == nil {
		return strings.Split(source, "\n")
	}
	tokens, err := chroma.Coalesce(lexer).Tokenise(nil, source)
	if err != nil {
		return strings.Split(source, "\n")
	}
	lines := []string{""}
	for token := tokens(); token != chroma.EOF; token = tokens() {
		var in color.Color
		if c := r.Style.code.Get(token.Type).Colour; c.IsSet() {
			in = r.legible(color.RGBA{R: c.Red(), G: c.Green(), B: c.Blue(), A: 0xff})
		}
		for i, part := range strings.Split(token.Value, "\n") {
			if i > 0 {
				lines = append(lines, "")
			}
			lines[len(lines)-1] += paint(part, in)
		}
	}
	for len(lines) > 1 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// known has the lexers of the languages that were asked for, nil for an unknown one. The
// library compares an unknown name with the file names of all languages, which takes a
// millisecond, and code is highlighted again whenever it grows.
var known struct {
	sync.Mutex
	lexers map[string]chroma.Lexer
}

// maxKnown is how many languages are remembered: the names come from answers.
const maxKnown = 200

func lexerOf(language string) chroma.Lexer {
	known.Lock()
	defer known.Unlock()
	lexer, ok := known.lexers[language]
	if ok {
		return lexer
	}
	if known.lexers == nil || len(known.lexers) >= maxKnown {
		known.lexers = map[string]chroma.Lexer{}
	}
	lexer = lexers.Get(language)
	known.lexers[language] = lexer
	return lexer
}

// Code returns the language and the source of a block of fenced code, as a user would
// copy it. ok is false for other blocks.
func Code(block string) (language, source string, ok bool) {
	first, rest, _ := strings.Cut(block, "\n")
	indent, body := measure(first)
	fence := openingFence(body)
	if fence == "" || indent >= 4 {
		return "", "", false
	}
	language, _, _ = strings.Cut(strings.TrimSpace(body[len(fence):]), " ")
	lines := strings.Split(strings.TrimSuffix(rest, "\n"), "\n")
	for i, line := range lines {
		if in, body := measure(line); in < 4 && closesFence(body, fence) {
			lines = lines[:i]
			break
		}
		lines[i] = line[min(indent, len(line)-len(strings.TrimLeft(line, " "))):]
	}
	return language, strings.Join(lines, "\n"), true
}
