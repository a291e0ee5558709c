package system

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// A tokenizeLine is one line of bise tokenize --jsonl: a conversation, a prefix with a
// suffix, or a plain text.
type tokenizeLine struct {
	Messages json.RawMessage `json:"messages"`
	Prompt   *string         `json:"prompt"`
	Suffix   *string         `json:"suffix"`
	Text     *string         `json:"text"`
}

// A lineTokenizer turns what lines ask for into tokens.
type lineTokenizer interface {
	text(string) ([]int32, error)
	chat(*engine.ChatRequest) ([]int32, error)
	fill(prefix, suffix string) ([]int32, error)
}

// runTokenizeLines answers every line of stdin with a line.
func runTokenizeLines(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, model string, load flags.Load) error {
	t, done, err := openLineTokenizer(ctx, lib, conf, model, load)
	if err != nil {
		return err
	}
	defer done()
	con.Erase()
	pictures := &pictureFiles{known: map[string]string{}}
	out := bufio.NewWriterSize(con.Stdout, 1<<16)
	return console.EachLine(ctx, con.Stdin, func(line []byte, more bool) error {
		ids, err := pictures.tokens(ctx, t, line)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			err = console.WriteJSON(out, struct {
				Error string `json:"error"`
			}{err.Error()})
		} else {
			err = console.WriteJSON(out, struct {
				Tokens []int32 `json:"tokens"`
			}{append([]int32{}, ids...)})
		}
		if err == nil && !more {
			err = out.Flush() // somebody may be waiting for it
		}
		return err
	}, out.Flush)
}

// pictureFiles are pictures that lines named, as data: URLs.
type pictureFiles struct {
	known map[string]string
	bytes int
}

// maxKnownPictures is how many bytes of pictures are kept for lines to come.
const maxKnownPictures = 256 << 20

func (p *pictureFiles) tokens(ctx context.Context, t lineTokenizer, line []byte) ([]int32, error) {
	var l tokenizeLine
	if err := json.Unmarshal(line, &l); err != nil {
		return nil, fmt.Errorf("the line is not a request: %w", err)
	}
	switch {
	case l.Messages != nil && l.Prompt == nil && l.Text == nil:
		var r engine.ChatRequest
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, err
		}
		if err := p.read(ctx, &r); err != nil {
			return nil, err
		}
		return t.chat(&r)
	case l.Prompt != nil && l.Messages == nil && l.Text == nil:
		suffix := ""
		if l.Suffix != nil {
			suffix = *l.Suffix
		}
		return t.fill(*l.Prompt, suffix)
	case l.Text != nil && l.Messages == nil && l.Prompt == nil:
		return t.text(*l.Text)
	}
	return nil, errors.New("a line has exactly one of messages, prompt and text")
}

// read puts pictures in the place of the file: URLs that name them.
func (p *pictureFiles) read(ctx context.Context, r *engine.ChatRequest) error {
	for i := range r.Messages {
		for j := range r.Messages[i].Content {
			k := &r.Messages[i].Content[j]
			path, ok := strings.CutPrefix(k.ImageURL, "file:")
			if !ok {
				continue
			}
			path = strings.TrimPrefix(path, "//")
			url, ok := p.known[path]
			if !ok {
				var err error
				if url, err = input.ImageURL(ctx, path); err != nil {
					return err
				}
				if p.bytes += len(url); p.bytes > maxKnownPictures {
					p.known, p.bytes = map[string]string{}, len(url)
				}
				p.known[path] = url
			}
			k.ImageURL = url
		}
	}
	return nil
}

// openLineTokenizer returns the tokenizer of the model: from the header of its file if
// that is enough, otherwise the engine's.
func openLineTokenizer(ctx context.Context, lib *library.Library, conf config.Config, model string, load flags.Load) (t lineTokenizer, done func(), err error) {
	if c := lib.Choose("chat", model); c.Err == nil && !c.Remote {
		l, err := lib.Layout(c.Ref, load.Projector)
		if err == nil {
			return layoutLines{l}, func() {}, nil
		}
		if !errors.Is(err, tokenizer.ErrUnsupported) {
			return nil, nil, err
		}
	}
	o, err := load.Options(conf)
	if err != nil {
		return nil, nil, err
	}
	e, _, err := lib.OpenFor(ctx, "chat", model, o)
	if err != nil {
		return nil, nil, err
	}
	return engineLines{ctx, e}, func() { e.Close() }, nil
}

type layoutLines struct{ l *layout.Layout }

func (t layoutLines) text(s string) ([]int32, error)              { return t.l.Text(s), nil }
func (t layoutLines) chat(r *engine.ChatRequest) ([]int32, error) { return t.l.Chat(r) }
func (t layoutLines) fill(prefix, suffix string) ([]int32, error) { return t.l.Fill(prefix, suffix) }

type engineLines struct {
	ctx context.Context
	e   engine.Engine
}

func (t engineLines) tokenize(r engine.TokenizeRequest) ([]int32, error) {
	tokens, err := t.e.Tokenize(t.ctx, r)
	return tokens.IDs, err
}

func (t engineLines) text(s string) ([]int32, error) {
	return t.tokenize(engine.TokenizeRequest{Text: &s})
}

func (t engineLines) chat(r *engine.ChatRequest) ([]int32, error) {
	return t.tokenize(engine.TokenizeRequest{Chat: r})
}

func (t engineLines) fill(prefix, suffix string) ([]int32, error) {
	return t.tokenize(engine.TokenizeRequest{FIM: &engine.CompletionRequest{Prompt: prefix, Suffix: suffix}})
}
