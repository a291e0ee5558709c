package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// MaxText is the most text that one request takes from files and stdin, in bytes:
// what the engines' API takes, less what JSON adds.
const MaxText = 60_000_000

// An input reads what a request is made of, and counts it.
type Input struct {
	con  *console.Console
	left int64 // bytes that may still be read
}

func New(con *console.Console) *Input { return &Input{con: con, left: MaxText} }

// piped reads stdin unless the person types there: then ok is false.
func (in *Input) Piped(ctx context.Context) (text string, ok bool, err error) {
	if in.con.Stdin == nil || term.IsTerminal(in.con.Stdin) {
		return "", false, nil
	}
	in.con.Wait(func(int) string { return "reading standard input (end it with Ctrl-D, or use </dev/null)" })
	defer in.con.Erase()
	text, err = in.read(ctx, "standard input", in.con.Stdin)
	return text, true, err
}

// file reads a text file; "-" is stdin.
func (in *Input) File(ctx context.Context, path string) (string, error) {
	if path == "-" {
		return in.read(ctx, "standard input", in.con.Stdin)
	}
	f, err := Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return in.read(ctx, path, f)
}

// open opens a file for reading; folders are refused.
func Open(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, CannotRead(path, err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot read %s: it is a folder", path), Advice: "Name the files in it."}
	}
	return f, nil
}

func CannotRead(name string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fault.Errorf(fault.Usage, "cannot read %s: %v", name, err)
}

// read reads a text to its end, or until ctx ends.
func (in *Input) read(ctx context.Context, name string, r io.Reader) (string, error) {
	data, err := Bounded(ctx, r, in.left)
	if errors.Is(err, ErrTooMuch) {
		return "", &fault.Error{
			Kind:   fault.Usage,
			Msg:    fmt.Sprintf("cannot read %s: with it, the request has more than %s", name, units.Size(MaxText)),
			Advice: "No model reads so much at once: send a part of it.",
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", CannotRead(name, err)
	}
	in.left -= int64(len(data))
	return in.text(name, data)
}

var ErrTooMuch = errors.New("too much")

// Bounded reads everything, but no more than limit bytes. When ctx ends it
// returns at once, and leaves the reader blocked: nothing can be done about a
// terminal or pipe, and the process is about to end.
func Bounded(ctx context.Context, r io.Reader, limit int64) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(r, limit+1))
		done <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case got := <-done:
		if int64(len(got.data)) > limit {
			return nil, ErrTooMuch
		}
		return got.data, got.err
	}
}

// text makes text of bytes: what is not text is refused, and what is not quite
// UTF-8 is replaced, which is said.
func (in *Input) text(name string, data []byte) (string, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return "", &fault.Error{Kind: fault.Usage, Msg: name + " is UTF-16 text", Advice: "Convert it: iconv -f UTF-16 -t UTF-8."}
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return "", &fault.Error{
			Kind:   fault.Usage,
			Msg:    fmt.Sprintf("%s is not text: byte %d is zero", name, i+1),
			Advice: "Send text; for a picture use -i.",
		}
	}
	if utf8.Valid(data) {
		return string(data), nil
	}
	wrong := 0
	for rest := data; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			wrong++
		}
		rest = rest[n:]
	}
	if wrong > len(data)/4 {
		return "", &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s is not text: %d of its %d bytes are not UTF-8", name, wrong, len(data)), Advice: "Send text; for a picture use -i."}
	}
	in.con.Notef("%s is not all UTF-8: %s replaced by \ufffd.", name, were(wrong, "byte"))
	return strings.ToValidUTF8(string(data), "\ufffd"), nil
}

func were(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " was"
	}
	return units.Plural(n, noun) + " were"
}
