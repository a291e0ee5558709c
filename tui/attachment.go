package tui

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// An attachment is something that goes with a message: a file, a picture, or a
// long text that was pasted.
type attachment struct {
	name   string // as the model is to call it; "" for pasted text
	text   string
	image  string // a data: URL, in place of the text
	shot   *shot  // the picture as it is shown
	about  string // what a person is told of it beside the name
	tokens int    // 0 while they are not counted
}

const (
	// maxAttached is the largest file that is attached, in bytes. No model that
	// runs on one machine reads as much.
	maxAttached = 10_000_000
)

// attach reads a file. It takes no longer than its bound allows: what is no plain
// file is refused before it is read.
func attach(path string) (attachment, error) {
	info, err := os.Stat(path)
	if err != nil {
		return attachment{}, cannotAttach(path, err)
	}
	switch {
	case info.IsDir():
		return attachment{}, cannotAttach(path, errors.New("it is a folder"))
	case !info.Mode().IsRegular():
		return attachment{}, cannotAttach(path, errors.New("it is no plain file"))
	}
	f, err := os.Open(path)
	if err != nil {
		return attachment{}, cannotAttach(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, vision.MaxFile+1))
	if err != nil {
		return attachment{}, cannotAttach(path, err)
	}
	a, err := attachData(path, data)
	if err != nil {
		return attachment{}, cannotAttach(path, err)
	}
	return a, nil
}

// A document is a file that cannot be attached as it is, but whose pages can.
type document struct{ data []byte }

func (d *document) Error() string { return "its pages are attached, as pictures" }

// attachAll makes attachments of the file at a path, which the model is to know by a
// name: of a document one for each page. The note tells what is left out of it.
func attachAll(ctx context.Context, path, name string) (list []attachment, note string, err error) {
	a, err := attach(path)
	d, ok := errors.AsType[*document](err)
	if !ok {
		a.name = name
		return []attachment{a}, "", err
	}
	pages, of, err := vision.Pages(ctx, name, d.data, nil)
	for _, p := range pages {
		list = append(list, pictured(p.Name, p))
	}
	if len(pages) < of {
		note = fmt.Sprintf("%s has %s: the first %d are attached", name, units.Plural(of, "page"), len(pages))
	}
	return list, note, err
}

func cannotAttach(path string, err error) error {
	if _, ok := errors.AsType[*document](err); ok || fault.KindOf(err) != "" {
		return err // it says itself what it is about
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("cannot attach %s: %w", path, err)
}

// attachData makes an attachment of a file's bytes.
func attachData(name string, data []byte) (attachment, error) {
	if vision.Reads(data) {
		p, err := vision.Read(cmp.Or(name, "the picture"), data)
		if err != nil {
			return attachment{}, err
		}
		return pictured(name, p), nil
	}
	if vision.IsPDF(data) {
		return attachment{}, &document{data}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case bytes.IndexByte(data, 0) >= 0:
		_, err := vision.Read(name, data) // which knows what it may be
		return attachment{}, err
	case len(data) > maxAttached:
		return attachment{}, fmt.Errorf("it is larger than %s", units.Size(maxAttached))
	case !utf8.Valid(data) && strings.Count(strings.ToValidUTF8(string(data), "\ufffd"), "\ufffd") > len(data)/20:
		return attachment{}, errors.New("it is not UTF-8 text")
	}
	a := attachment{name: name, text: strings.ToValidUTF8(string(data), "\ufffd")}
	a.about = units.Plural(kit.LineCount(a.text), "line")
	return a, nil
}

// pictured makes an attachment of a picture.
func pictured(name string, p vision.Picture) attachment {
	s := taken(p)
	return attachment{name: name, about: s.pixelSize(), image: p.URL, shot: s}
}

// label is the attachment in a few words.
func (a attachment) label() string {
	mark, name := "▤", kit.OneLine(a.name)
	if a.image != "" {
		mark = "▣"
	}
	if name == "" {
		name = "pasted text"
	}
	about := a.about
	switch {
	case a.tokens > 0 && a.image != "":
		about += " → " + units.Count(a.tokens) + " tokens"
	case a.tokens > 0:
		about = units.Count(a.tokens) + " tokens"
	}
	return fmt.Sprintf("%s %s · %s", mark, name, about)
}

// composed is a message as it was written.
type composed struct {
	text     string
	attached []attachment
}

func (m composed) empty() bool { return strings.TrimSpace(m.text) == "" && len(m.attached) == 0 }

// content is the message for the model: pictures and files come before the
// question, so that a second question about them finds them read already.
func (m composed) content() (engine.Content, []history.Attachment) {
	var content engine.Content
	var attached []history.Attachment
	add := func(a attachment, c engine.Chunk) {
		attached = append(attached, history.Attachment{Chunk: len(content), Name: a.name})
		content = append(content, c)
	}
	for _, a := range m.attached {
		if a.image != "" {
			add(a, engine.Chunk{Type: engine.ImageChunk, ImageURL: a.image})
		}
	}
	for _, a := range m.attached {
		if a.image == "" {
			add(a, engine.Chunk{Type: engine.TextChunk, Text: chat.File{Name: a.name, Text: a.text}.Fenced()})
		}
	}
	if text := strings.TrimSpace(m.text); text != "" {
		content = append(content, engine.Text(text)...)
	}
	return content, attached
}

// composedOf takes a sent message apart again, to be edited.
func composedOf(t *turn) composed {
	m := composed{text: t.said()}
	for _, a := range t.attached {
		if a.Chunk < 0 || a.Chunk >= len(t.content) {
			continue
		}
		switch c := t.content[a.Chunk]; c.Type {
		case engine.ImageChunk:
			m.attached = append(m.attached, attachment{name: a.Name, image: c.ImageURL, shot: t.shots[a.Chunk], about: "picture"})
		case engine.TextChunk:
			text := unfenced(c.Text)
			m.attached = append(m.attached, attachment{name: a.Name, text: text, about: units.Plural(kit.LineCount(text), "line")})
		}
	}
	return m
}

// unfenced takes a file out of its fence.
func unfenced(s string) string {
	at := strings.Index(s, "```")
	if at < 0 {
		return s
	}
	fence := s[at : at+len(s[at:])-len(strings.TrimLeft(s[at:], "`"))]
	_, body, ok := strings.Cut(s[at:], "\n")
	if !ok {
		return s
	}
	return strings.TrimSuffix(body, fence)
}

// relative is a path as people say it from the folder they are in.
func relative(folder, path string) string {
	if rel, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
