package dialect

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
	"github.com/bise-sh/bise/fault"
)

// A Stream sends the events of an answer.
type Stream struct {
	w      http.ResponseWriter
	frames api.Frames
	begun  bool
	gone   bool
}

// Event sends a server-sent event with its name and data.
func (s *Stream) Event(name string, data any) {
	frame := append([]byte("event: "+name+"\ndata: "), encode(data)...) // ends with a newline
	s.put(append(frame, '\n'))
}

// Line sends a value on a line.
func (s *Stream) Line(data any) { s.put(encode(data)) }

func (s *Stream) put(frame []byte) {
	s.begun = true
	s.gone = s.gone || !s.frames.Put(frame)
}

// Gone reports whether the client is.
func (s *Stream) Gone() bool { return s.gone }

// Reading is a part of [Listener] for streams that do not show it.
func (s *Stream) Reading(engine.Progress) {}

// Encode is JSON without escapes for <, > and &.
func Encode(v any) []byte { return bytes.TrimSuffix(encode(v), []byte("\n")) }

func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("dialect: encode an answer: " + err.Error())
	}
	return b.Bytes()
}

// Streaming answers with a stream that run writes. An error before the first event is
// returned and becomes the response; a later one goes to failed, which ends the stream.
func Streaming(w http.ResponseWriter, form api.StreamForm, run func(*Stream) error, failed func(*Stream, *fault.Error)) error {
	s := &Stream{w: w, frames: api.NewFrames(w, form)}
	defer s.frames.Close()
	err := run(s)
	if err == nil {
		return nil
	}
	if !s.begun && s.frames.Cancel() {
		return err
	}
	api.LogFailure(w, err)
	failed(s, wire.AsError(err))
	return nil
}
