// Package attach turns files, standard input, the clipboard and downloads into
// attachments of a request: named texts, images and audio. The command line and the
// interface use it, so that both accept the same things.
//
// # Text
//
// A text is decoded by one rule ([Decode]):
//
//   - A byte order mark is removed. It says whether the rest is UTF-8 or UTF-16.
//   - Valid UTF-8 stays as it is.
//   - Other bytes are Windows-1252 (which includes Latin-1) if there are more of
//     them than valid multi-byte characters, else damaged UTF-8, in which each bad
//     byte becomes U+FFFD. A note says which.
//   - A zero byte, or more than a quarter of bytes that fit neither, is not text.
//
// # Images and pages
//
// An image is recognised by its first bytes, not by its name, and decoded
// completely, so that a damaged file is found before a model is asked
// ([ReadImage]). The pages of a PDF become images ([Pages]).
//
// # Audio
//
// Audio is a WAV, MP3 or FLAC file ([ReadAudio]). Its structure is checked and its length
// counted. The engine decodes it.
//
// # Limits
//
// [MaxText] bytes of text for all attachments of a request, [MaxImage] for the file
// of an image, [MaxAudio] for audio, [MaxDocument] for a PDF, [MaxPages] pages unless the user names them.
//
// Nothing is printed: notes and progress go to the functions of a [Reader], and
// errors are of type [*fault.Error].
package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// MaxText is the most text that a request takes from its attachments, in bytes:
// what the engines' API accepts, less what JSON adds.
const MaxText = 60_000_000

const (
	// Stdin is the source that stands for standard input.
	Stdin = "-"
	// FromClipboard is the source that stands for the image on the clipboard.
	FromClipboard = "clipboard:"
)

// An Attachment is a text, an image or audio.
type Attachment struct {
	Name  string // "" for text from standard input
	Text  string
	Image *Image // in place of a text
	Audio *Audio // in place of a text
}

// IsText reports whether an attachment is a text.
func (a Attachment) IsText() bool { return a.Image == nil && a.Audio == nil }

// A Reader reads the attachments of one request. All fields are optional.
type Reader struct {
	Stdin  io.Reader           // nil: it is closed
	Getenv func(string) string // for the clipboard; nil: an empty environment
	// Fetch downloads what is at a URL. Nil: URLs are refused.
	Fetch func(context.Context, *url.URL) ([]byte, error)
	// Pages are the pages to take from documents. Nil: the first MaxPages.
	Pages []Range
	// NoPages makes File return ErrDocument instead of the pages of a document.
	NoPages bool
	// RegularOnly refuses pipes and devices, whose end may never come.
	RegularOnly bool
	// Note is called with what the user should know, such as a text's encoding.
	Note func(string)
	// Progress is called when something slow begins, and with "" when it has ended.
	Progress func(string)

	text int64 // bytes of text so far
}

func (r *Reader) note(format string, args ...any) {
	if r.Note != nil {
		r.Note(fmt.Sprintf(format, args...))
	}
}

func (r *Reader) progress(status string) {
	if r.Progress != nil {
		r.Progress(status)
	}
}

// Text reads a text file; the source "-" is standard input.
func (r *Reader) Text(ctx context.Context, source string) (string, error) {
	name := describe(source)
	in, err := r.open(source, name)
	if err != nil {
		return "", err
	}
	defer in.Close()
	data, err := ReadAll(ctx, in, MaxText-r.text)
	if err != nil {
		return "", r.readError(ctx, name, err)
	}
	return r.decode(name, data)
}

// File reads whatever a file is: a text, an image, audio, or a document, which gives an
// attachment for each page. The source "-" is standard input. An empty name means
// the source.
func (r *Reader) File(ctx context.Context, source, name string) ([]Attachment, error) {
	if name == "" {
		name = describe(source)
	}
	in, err := r.open(source, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	head, err := ReadAll(ctx, io.LimitReader(in, headSize), headSize)
	if err != nil {
		return nil, r.readError(ctx, name, err)
	}
	k := kindOf(head)
	switch {
	case k.name == "PDF" && r.NoPages:
		return nil, ErrDocument
	case k.read || k.name == "PDF":
		images, err := r.images(ctx, name, io.MultiReader(bytes.NewReader(head), in))
		var list []Attachment
		for i := range images {
			list = append(list, Attachment{Name: images[i].Name, Image: &images[i]})
		}
		return list, err
	case k.audio:
		data, err := r.whole(ctx, name, io.MultiReader(bytes.NewReader(head), in))
		if err != nil {
			return nil, err
		}
		return audioAttachment(name, data)
	case k.name != "" && !k.text && len(head) > 0:
		return nil, refused(name, k.advice(name), "%s", k.is())
	}
	if utf16Order(head) == nil {
		if err := checkBinary(name, head); err != nil {
			return nil, err // without reading the rest
		}
	}
	data, err := ReadAll(ctx, io.MultiReader(bytes.NewReader(head), in), MaxText-r.text)
	if err != nil {
		return nil, r.readError(ctx, name, err)
	}
	text, err := r.decode(name, data)
	if err != nil {
		return nil, err
	}
	if source == Stdin {
		name = ""
	}
	return []Attachment{{Name: name, Text: text}}, nil
}

// ErrDocument reports a document whose pages were not asked for.
var ErrDocument = errors.New("its pages are attached as images")

// headSize is how many bytes are read to recognise a file.
const headSize = 4096

// Images reads the images that a source names: a file, "-" for standard input,
// "clipboard:" or a URL. A document gives one for each page.
func (r *Reader) Images(ctx context.Context, source string) ([]Image, error) {
	name := describe(source)
	data, err := r.source(ctx, source, name)
	if err != nil {
		return nil, err
	}
	return r.images(ctx, name, bytes.NewReader(data))
}

// Media reads the images that a source names, as [Reader.Images] does, or its audio unless
// silent is set.
func (r *Reader) Media(ctx context.Context, source string, silent bool) ([]Attachment, error) {
	name := describe(source)
	data, err := r.source(ctx, source, name)
	if err != nil {
		return nil, err
	}
	if kindOf(data).audio && !silent {
		return audioAttachment(name, data)
	}
	images, err := r.images(ctx, name, bytes.NewReader(data))
	var list []Attachment
	for i := range images {
		list = append(list, Attachment{Name: images[i].Name, Image: &images[i]})
	}
	return list, err
}

func audioAttachment(name string, data []byte) ([]Attachment, error) {
	a, err := ReadAudio(name, data)
	if err != nil {
		return nil, err
	}
	return []Attachment{{Name: name, Audio: &a}}, nil
}

// source reads what a source names.
func (r *Reader) source(ctx context.Context, source, name string) ([]byte, error) {
	switch {
	case source == FromClipboard:
		getenv := r.Getenv
		if getenv == nil {
			getenv = func(string) string { return "" }
		}
		return ClipboardImage(ctx, getenv)
	case IsURL(source):
		return r.fetch(ctx, source)
	}
	in, err := r.open(source, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return r.whole(ctx, name, in)
}

// whole reads an image, audio or a document.
func (r *Reader) whole(ctx context.Context, name string, in io.Reader) ([]byte, error) {
	data, err := ReadAll(ctx, in, MaxDocument)
	switch {
	case errors.Is(err, ErrTooLarge):
		return nil, refused(name, smaller, "it is larger than %s", units.Size(MaxDocument))
	case err != nil:
		return nil, r.readError(ctx, name, err)
	}
	return data, nil
}

// images reads an image, or the pages of a document.
func (r *Reader) images(ctx context.Context, name string, in io.Reader) ([]Image, error) {
	data, err := r.whole(ctx, name, in)
	if err != nil {
		return nil, err
	}
	if !IsPDF(data) {
		image, err := ReadImage(name, data)
		if err != nil {
			return nil, err
		}
		if image.Frames > 1 {
			r.note("%s is animated: the model sees the first of its %s.", name, units.Plural(image.Frames, "frame"))
		}
		return []Image{image}, nil
	}
	r.progress("drawing the pages of " + name)
	defer r.progress("")
	images, of, err := Pages(ctx, name, data, r.Pages)
	if err == nil && len(r.Pages) == 0 && len(images) < of {
		r.note("%s has %s: the model sees the first %d.", name, units.Plural(of, "page"), len(images))
	}
	return images, err
}

// decode decodes a text and counts it.
func (r *Reader) decode(name string, data []byte) (string, error) {
	text, note, err := Decode(name, data)
	if err != nil {
		return "", err
	}
	r.text += int64(len(data))
	if note != "" {
		r.note("%s", note)
	}
	return text, nil
}

func (r *Reader) open(source, name string) (io.ReadCloser, error) {
	if source == Stdin {
		if r.Stdin == nil {
			return nil, ReadError(name, errors.New("it is closed"))
		}
		return io.NopCloser(r.Stdin), nil
	}
	if r.RegularOnly {
		if info, err := os.Stat(source); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
			return nil, ReadError(name, errors.New("it is not a regular file"))
		}
	}
	return open(source, name)
}

func (r *Reader) readError(ctx context.Context, name string, err error) error {
	if errors.Is(err, ErrTooLarge) {
		return &fault.Error{
			Kind:   fault.Invalid,
			Msg:    fmt.Sprintf("cannot read %s: with it, the request has more than %s", name, units.Size(MaxText)),
			Advice: "No model can read this much: send a part of it.",
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return ReadError(name, err)
}

// describe returns the name that users see for a source.
func describe(source string) string {
	switch source {
	case Stdin:
		return "standard input"
	case FromClipboard:
		return "the clipboard"
	}
	return source
}

// Open opens a file for reading. Folders are refused.
func Open(path string) (*os.File, error) { return open(path, path) }

func open(path, name string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ReadError(name, err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, &fault.Error{Kind: fault.Invalid, Msg: fmt.Sprintf("cannot read %s: it is a folder", name), Advice: "Name the files in it."}
	}
	return f, nil
}

// ReadError returns the error of a file that cannot be read.
func ReadError(name string, err error) *fault.Error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fault.Errorf(fault.Invalid, "cannot read %s: %w", name, err)
}

// ErrTooLarge reports input over the limit.
var ErrTooLarge = errors.New("too large")

// ReadAll reads everything, but no more than limit bytes: then the error is
// [ErrTooLarge]. When ctx ends it returns at once and leaves the reader blocked:
// a read from a terminal or pipe cannot be interrupted.
func ReadAll(ctx context.Context, r io.Reader, limit int64) ([]byte, error) {
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
			return nil, ErrTooLarge
		}
		return got.data, got.err
	}
}

// IsURL reports whether a source is a URL.
func IsURL(source string) bool {
	lower := strings.ToLower(source)
	return strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")
}

// fetch downloads what is at a URL.
func (r *Reader) fetch(ctx context.Context, source string) ([]byte, error) {
	u, err := url.Parse(source)
	if err != nil || u.Host == "" {
		return nil, fault.Errorf(fault.Invalid, "invalid URL %q", source)
	}
	if r.Fetch == nil {
		return nil, &fault.Error{Kind: fault.Invalid, Msg: fmt.Sprintf("cannot read %s: downloads are not allowed here", u.Redacted()), Advice: "Save it to a file."}
	}
	data, err := r.Fetch(ctx, u)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return data, err
}
