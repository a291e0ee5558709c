package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/vision"
)

// clipboardName names the picture on the clipboard, in place of a file.
const clipboardName = "clipboard:"

// A pictureSource says how the pictures that a command line names are got.
type pictureSource struct {
	pages string // of documents; "" leaves it to the program
	fetch bool   // from addresses, without asking
}

// pictures reads what a command line names: files, - for standard input, clipboard:,
// addresses. A document is as many pictures as it has pages.
func (a *app) pictures(ctx context.Context, names []string, from pictureSource) ([]vision.Picture, error) {
	var pages []vision.Range
	if from.pages != "" {
		var err error
		if pages, err = vision.ParsePages(from.pages); err != nil {
			return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("--pages cannot be %q", from.pages), Advice: "It is like 3, 1-4 or 2,5-7."}
		}
	}
	var list []vision.Picture
	for _, name := range names {
		data, err := a.pictureData(ctx, name, from.fetch)
		if err != nil {
			return nil, err
		}
		name = called(name)
		if !vision.IsPDF(data) {
			p, err := vision.Read(name, data)
			if err != nil {
				return nil, err
			}
			if p.Frames > 1 {
				a.note("%s moves: the model sees the first of its %s.", name, plural(p.Frames, "image"))
			}
			list = append(list, p)
			continue
		}
		a.progress.wait(func(int) string { return "drawing the pages of " + name })
		shown, of, err := vision.Pages(ctx, name, data, pages)
		a.progress.erase()
		if err != nil {
			return nil, err
		}
		if len(pages) == 0 && len(shown) < of {
			a.note("%s has %s: the model sees the first %d (others with --pages).", name, plural(of, "page"), len(shown))
		}
		list = append(list, shown...)
	}
	return list, nil
}

// called is what people call a picture.
func called(name string) string {
	switch {
	case name == "-":
		return "standard input"
	case name == clipboardName:
		return "the clipboard"
	}
	return name
}

// pictureData gets the bytes of a picture or a document.
func (a *app) pictureData(ctx context.Context, name string, fetch bool) ([]byte, error) {
	switch {
	case name == "-":
		if a.stdin == nil {
			return nil, usageErrorf("cannot read standard input: it is closed")
		}
		return readPicture(ctx, "standard input", a.stdin)
	case name == clipboardName:
		return vision.Clipboard(ctx, os.Getenv)
	case isAddress(name):
		return a.fetchPicture(ctx, name, fetch)
	}
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readPicture(ctx, name, f)
}

// readPicture reads a picture's or a document's file.
func readPicture(ctx context.Context, name string, r io.Reader) ([]byte, error) {
	data, err := bounded(ctx, r, vision.MaxDocument)
	switch {
	case errors.Is(err, errTooMuch):
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot read %s: it is larger than %s", name, size(vision.MaxDocument)), Advice: "Make the picture smaller: models see few pixels."}
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, cannotRead(name, err)
	}
	return data, nil
}

// pictureURL reads a picture's file as a model is sent it.
func pictureURL(ctx context.Context, path string) (string, error) {
	f, err := open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := readPicture(ctx, path, f)
	if err != nil {
		return "", err
	}
	p, err := vision.Read(path, data)
	return p.URL, err
}

// counter counts tokens as the model will: by the head of its file, where that is at
// hand, so that nothing has to be loaded.
func (a *app) counter(e engine.Engine, eye string) vision.Count {
	ref, _ := a.lib.Choose(a.model)
	l, err := a.lib.Layout(ref, eye)
	if err != nil {
		return vision.CountBy(e)
	}
	return func(_ context.Context, r *engine.ChatRequest) (int, error) {
		ids, err := l.Chat(r)
		return len(ids), err
	}
}

// isAddress reports whether a picture is named by its address on the web.
func isAddress(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")
}
