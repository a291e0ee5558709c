// Package transcribe transcribes audio files. A file of any length is cut
// into pieces of the encoder's window. Each piece is a separate request, so that the text
// comes as it is made, with the times of the pieces.
package transcribe

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/mistral/audio"
)

// A Segment is the text of a part of a file.
type Segment struct {
	From, To time.Duration
	Text     string
}

// maxTokens bounds the text of a piece, for models that repeat themselves: half a minute of speech is shorter.
const maxTokens = 1000

// Options say how audio is written down.
type Options struct {
	Language string // code of the spoken language; "": the model finds out
	// Watch may be nil. It gets the events of the requests, with the part of the file that
	// each is about.
	Watch func(from, to time.Duration, event engine.Event)
}

// File returns the segments of a file, in order. It ends after the first error.
func File(ctx context.Context, e engine.Engine, f *audio.File, o Options) iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		for p := range f.Pieces() {
			s, err := piece(ctx, e, f.Format, p, o)
			if err != nil {
				yield(Segment{}, err)
				return
			}
			if s.Text != "" && !yield(s, nil) {
				return
			}
		}
	}
}

func piece(ctx context.Context, e engine.Engine, format audio.Format, p audio.Piece, o Options) (Segment, error) {
	greedy, limit := 0.0, maxTokens
	r := engine.ChatRequest{
		Messages: []engine.Message{{Role: engine.User, Content: engine.Content{{
			Type: engine.AudioChunk, AudioURL: audio.DataURL(format, p.Data),
		}}}},
		Sampling:      engine.Sampling{Temperature: &greedy, MaxTokens: &limit},
		Transcription: &engine.Transcription{Language: o.Language},
	}
	var text strings.Builder
	for event, err := range e.Chat(ctx, r) {
		if err != nil {
			return Segment{}, err
		}
		if o.Watch != nil {
			o.Watch(p.From, p.To, event)
		}
		if d, ok := event.(engine.TextDelta); ok {
			text.WriteString(d.Text)
		}
	}
	return Segment{p.From, p.To, strings.TrimSpace(text.String())}, nil
}

// WriteSRT writes a segment as a subtitle with a number from 1.
func WriteSRT(w io.Writer, number int, s Segment) error {
	// An empty line would end the subtitle.
	text := strings.Join(strings.FieldsFunc(s.Text, func(r rune) bool { return r == '\n' || r == '\r' }), "\n")
	_, err := fmt.Fprintf(w, "%d\n%s --> %s\n%s\n\n", number, stamp(s.From), stamp(s.To), text)
	return err
}

// stamp writes a time as SubRip does: 00:01:30,500.
func stamp(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d,%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}

// Clock writes a time for users: 1:30 or 1:02:03.
func Clock(d time.Duration) string {
	s := int(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
