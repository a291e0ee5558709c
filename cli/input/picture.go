package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/units"
)

// ClipboardName names the picture on the clipboard, in place of a file.
const ClipboardName = "clipboard:"

// A PictureSource says how the pictures that a command line names are got.
type PictureSource struct {
	Pages string // of documents; "" leaves it to the program
	Fetch bool   // from addresses, without asking
}

// Pictures reads what a command line names: files, - for standard input, clipboard:,
// addresses. A document is as many pictures as it has pages.
func Pictures(ctx context.Context, con *console.Console, names []string, from PictureSource) ([]vision.Picture, error) {
	var pages []vision.Range
	if from.Pages != "" {
		var err error
		if pages, err = vision.ParsePages(from.Pages); err != nil {
			return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("--pages cannot be %q", from.Pages), Advice: "It is like 3, 1-4 or 2,5-7."}
		}
	}
	var list []vision.Picture
	for _, name := range names {
		data, err := pictureData(ctx, con, name, from.Fetch)
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
				con.Notef("%s moves: the model sees the first of its %s.", name, units.Plural(p.Frames, "image"))
			}
			list = append(list, p)
			continue
		}
		con.Wait(func(int) string { return "drawing the pages of " + name })
		shown, of, err := vision.Pages(ctx, name, data, pages)
		con.Erase()
		if err != nil {
			return nil, err
		}
		if len(pages) == 0 && len(shown) < of {
			con.Notef("%s has %s: the model sees the first %d (others with --pages).", name, units.Plural(of, "page"), len(shown))
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
	case name == ClipboardName:
		return "the clipboard"
	}
	return name
}

// pictureData gets the bytes of a picture or a document.
func pictureData(ctx context.Context, con *console.Console, name string, fetch bool) ([]byte, error) {
	switch {
	case name == "-":
		if con.Stdin == nil {
			return nil, fault.Errorf(fault.Usage, "cannot read standard input: it is closed")
		}
		return readPicture(ctx, "standard input", con.Stdin)
	case name == ClipboardName:
		return vision.Clipboard(ctx, os.Getenv)
	case IsURL(name):
		return fetchPicture(ctx, con, name, fetch)
	}
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readPicture(ctx, name, f)
}

// readPicture reads a picture's or a document's file.
func readPicture(ctx context.Context, name string, r io.Reader) ([]byte, error) {
	data, err := Bounded(ctx, r, vision.MaxDocument)
	switch {
	case errors.Is(err, ErrTooMuch):
		return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("cannot read %s: it is larger than %s", name, units.Size(vision.MaxDocument)), Advice: "Make the picture smaller: models see few pixels."}
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, CannotRead(name, err)
	}
	return data, nil
}

// PictureURL reads a picture's file as a model is sent it.
func PictureURL(ctx context.Context, path string) (string, error) {
	f, err := Open(path)
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

// IsURL reports whether a picture is named by its address on the web.
func IsURL(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")
}
