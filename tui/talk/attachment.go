package talk

import (
	"context"
	"fmt"
	"strings"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// An attachment is something that goes with a message: a file, an image, or a long
// text that was pasted.
type attachment struct {
	attach.Attachment              // without a name: it was pasted
	image             *cachedImage // the image as it is drawn
	about             string       // what the user is told of it beside the name
	tokens            int          // 0 while they are not counted
}

// newAttachment makes an attachment of one that was read.
func newAttachment(a attach.Attachment) attachment {
	if a.Image == nil {
		return attachment{Attachment: a, about: units.Plural(kit.LineCount(a.Text), "line")}
	}
	s := newImage(*a.Image)
	return attachment{Attachment: a, image: s, about: s.pixelSize()}
}

// readFile reads the file at a path, which the model is to know by a name: of a
// document it gives an attachment for each page. The note is what the user should
// know about it.
func readFile(ctx context.Context, path, name string) (list []attachment, note string, err error) {
	var notes []string
	r := attach.Reader{RegularOnly: true, Note: func(s string) { notes = append(notes, s) }}
	read, err := r.File(ctx, path, name)
	for _, a := range read {
		list = append(list, newAttachment(a))
	}
	return list, strings.Join(notes, " "), err
}

// previewFile reads the file at a path, unless it is a document: pages are slow.
func previewFile(ctx context.Context, path, name string) (attachment, error) {
	r := attach.Reader{RegularOnly: true, NoPages: true}
	list, err := r.File(ctx, path, name)
	if err != nil {
		return attachment{}, err
	}
	return newAttachment(list[0]), nil
}

// readPasted makes an attachment of an image that was pasted.
func readPasted(data []byte) (attachment, error) {
	image, err := attach.ReadImage("the pasted image", data)
	if err != nil {
		return attachment{}, err
	}
	return newAttachment(attach.Attachment{Image: &image}), nil
}

// label describes the attachment in a few words.
func (a attachment) label() string {
	mark, name := "▤", kit.OneLine(a.Name)
	if a.Image != nil {
		mark = "▣"
	}
	if name == "" {
		name = "pasted text"
	}
	about := a.about
	switch {
	case a.tokens > 0 && a.Image != nil:
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

// content returns the message for the model, and what is attached to it.
func (m composed) content() (engine.Content, []history.Attachment) {
	q := chat.Question{Prompt: m.text}
	for _, a := range m.attached {
		q.Attached = append(q.Attached, a.Attachment)
	}
	content, named := q.Content()
	var attached []history.Attachment
	for _, n := range named {
		attached = append(attached, history.Attachment(n))
	}
	return content, attached
}

// composedOf takes a sent message apart again, to be edited.
func composedOf(t *turn) composed {
	m := composed{text: t.plainText()}
	for _, a := range t.attached {
		if a.Chunk < 0 || a.Chunk >= len(t.content) {
			continue
		}
		switch c := t.content[a.Chunk]; c.Type {
		case engine.ImageChunk:
			image := attach.Attachment{Name: a.Name, Image: &attach.Image{Name: a.Name, URL: c.ImageURL}}
			m.attached = append(m.attached, attachment{Attachment: image, image: t.shots[a.Chunk], about: "picture"})
		case engine.TextChunk:
			m.attached = append(m.attached, newAttachment(attach.Attachment{Name: a.Name, Text: chat.Unfence(c.Text)}))
		}
	}
	return m
}
