package talk

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/transcribe"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/images"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// An attachment is what a message carries beside its text: a file, an image, audio or a long
// pasted text.
type attachment struct {
	attach.Attachment               // has no name when it was pasted
	image             *images.Image // the image as it is drawn
	about             string        // shown beside the name
	size              *tokenCount
}

// A tokenCount has the number of tokens of an attachment for a model.
type tokenCount struct {
	model     *engines.Model // nil: not counted
	tokens    int            // 0: being counted, or unknown
	estimated bool
}

// of returns the number of tokens for a model, 0 if it is unknown.
func (s *tokenCount) of(m *engines.Model) int {
	if s.model != m {
		return 0
	}
	return s.tokens
}

// newAttachment returns a as an attachment of the composer.
func newAttachment(a attach.Attachment) attachment {
	switch {
	case a.Audio != nil:
		return attachment{Attachment: a, about: transcribe.Clock(a.Audio.Length), size: new(tokenCount)}
	case a.Image == nil:
		return attachment{Attachment: a, about: units.Plural(kit.LineCount(a.Text), "line"), size: new(tokenCount)}
	}
	s := images.Of(*a.Image)
	return attachment{Attachment: a, image: s, about: s.PixelSize(), size: new(tokenCount)}
}

// readFile reads the file at path for the model, under a name. A document gives one attachment
// a page. note is for the user.
func readFile(ctx context.Context, path, name string) (list []attachment, note string, err error) {
	var notes []string
	r := attach.Reader{RegularOnly: true, Note: func(s string) { notes = append(notes, s) }}
	read, err := r.File(ctx, path, name)
	for _, a := range read {
		list = append(list, newAttachment(a))
	}
	return list, strings.Join(notes, " "), err
}

// previewFile reads the file at path, unless it is a document: rendering pages is slow.
func previewFile(ctx context.Context, path, name string) (attachment, error) {
	r := attach.Reader{RegularOnly: true, NoPages: true}
	list, err := r.File(ctx, path, name)
	if err != nil {
		return attachment{}, err
	}
	return newAttachment(list[0]), nil
}

// readPastedImage returns a pasted image as an attachment.
func readPastedImage(data []byte) (attachment, error) {
	image, err := attach.ReadImage("the pasted image", data)
	if err != nil {
		return attachment{}, err
	}
	return newAttachment(attach.Attachment{Image: &image}), nil
}

// name returns the name for display.
func (a attachment) name() string { return cmp.Or(kit.OneLine(a.Name), "pasted text") }

// label describes the attachment briefly.
func (a attachment) label(m *engines.Model) string {
	mark, about := "▤", a.about
	switch {
	case a.Image != nil:
		mark = "▣"
	case a.Audio != nil:
		mark = "♪"
	}
	if n := a.size.of(m); n > 0 {
		tokens := units.Count(n) + " tokens"
		if a.size.estimated {
			tokens = "about " + tokens
		}
		if about = tokens; !a.IsText() {
			about = a.about + " → " + tokens
		}
	}
	return fmt.Sprintf("%s %s · %s", mark, a.name(), about)
}

// draftMessage is a message in the composer.
type draftMessage struct {
	text     string
	attached []attachment
}

func (m draftMessage) empty() bool { return strings.TrimSpace(m.text) == "" && len(m.attached) == 0 }

// content returns the message as the model gets it, and its attachments for the history.
func (m draftMessage) content() (engine.Content, []history.Attachment) {
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

// draftOf returns a sent message as a draft, for editing.
func draftOf(t *turn) draftMessage {
	m := draftMessage{text: t.plainText()}
	for _, a := range t.attached {
		if a.Chunk < 0 || a.Chunk >= len(t.content) {
			continue
		}
		switch c := t.content[a.Chunk]; c.Type {
		case engine.ImageChunk:
			image := attach.Attachment{Name: a.Name, Image: &attach.Image{Name: a.Name, URL: c.ImageURL}}
			m.attached = append(m.attached, attachment{Attachment: image, image: t.attachedImages[a.Chunk], about: "image", size: new(tokenCount)})
		case engine.AudioChunk:
			sound := attach.Attachment{Name: a.Name, Audio: &attach.Audio{Name: a.Name, URL: c.AudioURL}}
			m.attached = append(m.attached, attachment{Attachment: sound, about: "audio", size: new(tokenCount)})
		case engine.TextChunk:
			m.attached = append(m.attached, newAttachment(attach.Attachment{Name: a.Name, Text: chat.Unfence(c.Text)}))
		}
	}
	return m
}
