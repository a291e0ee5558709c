package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/tokenizer"
)

// maxLine is the longest line that is read, in bytes: room for a picture.
const maxLine = 64 << 20

// A tokenizeLine is one line of bise tokenize --jsonl: a conversation, a text
// with a gap, or a plain text, by which of these keys it has.
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

// tokenizeLines answers every line of stdin with a line.
func (a *app) tokenizeLines(ctx context.Context, load loadFlags) error {
	t, done, err := a.lineTokenizer(ctx, load)
	if err != nil {
		return err
	}
	defer done()
	a.progress.erase()
	pictures := &pictureFiles{known: map[string]string{}}
	out := bufio.NewWriterSize(a.stdout, 1<<16)
	return eachLine(ctx, a.stdin, func(line []byte, more bool) error {
		ids, err := pictures.tokens(ctx, t, line)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			err = writeJSON(out, struct {
				Error string `json:"error"`
			}{err.Error()})
		} else {
			err = writeJSON(out, struct {
				Tokens []int32 `json:"tokens"`
			}{append([]int32{}, ids...)})
		}
		if err == nil && !more {
			err = out.Flush() // somebody may be waiting for it
		}
		return err
	}, out.Flush)
}

// eachLine gives the lines of r to do until they end, then calls end. More tells
// that the next line is here already. It returns when ctx ends, even while r
// blocks: see bounded.
func eachLine(ctx context.Context, r io.Reader, do func(line []byte, more bool) error, end func() error) error {
	type read struct {
		line []byte
		more bool
		err  error
	}
	lines := make(chan read)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		in := bufio.NewReaderSize(r, 1<<16)
		for {
			line, err := readLine(in)
			select {
			case lines <- read{line, in.Buffered() > 0, err}:
			case <-stop:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case got := <-lines:
			if errors.Is(got.err, io.EOF) {
				return end()
			}
			if got.err != nil {
				return errors.Join(end(), got.err)
			}
			if err := do(got.line, got.more); err != nil {
				return err
			}
		}
	}
}

// readLine reads a line, without its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("a line has more than %s", size(maxLine)), Advice: "Send a request a line."}
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			return bytes.TrimRight(line, "\r\n"), nil
		}
		return nil, err
	}
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
		return nil, fmt.Errorf("the line is no request: %w", err)
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
				if url, err = imageURL(ctx, path); err != nil {
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

// lineTokenizer makes the tokenizer of the model: from the head of its file
// alone where that is enough, else the engine's.
func (a *app) lineTokenizer(ctx context.Context, load loadFlags) (t lineTokenizer, done func(), err error) {
	if ref, _ := a.lib.Choose(a.model); !a.lib.IsRemote(ref) {
		l, err := a.lib.Layout(ref, load.projector)
		if err == nil {
			return layoutLines{l}, func() {}, nil
		}
		if !errors.Is(err, tokenizer.ErrUnsupported) {
			return nil, nil, err
		}
	}
	o, err := load.options(a.config)
	if err != nil {
		return nil, nil, err
	}
	e, err := a.lib.Open(ctx, a.model, o)
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
