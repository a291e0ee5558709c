package api

import "net/http"

// A StreamForm is how a stream is sent.
type StreamForm struct {
	ContentType string
	Beat        string // sent in silence, so that read timeouts do not end the stream; "": nothing
}

// The forms that streams have.
var (
	EventStream = StreamForm{"text/event-stream", ": keep-alive\n\n"}
	JSONLines   = StreamForm{"application/x-ndjson", ""}
)

// Frames sends a response piece by piece, for families of routes. A slow client gets several
// frames at once, and an engine far ahead of it waits.
type Frames struct{ out *outbox }

// NewFrames starts a stream. Its headers are sent with the first frame or the first beat.
func NewFrames(w http.ResponseWriter, form StreamForm) Frames {
	return Frames{newOutbox(w, form)}
}

// Put appends a frame. It reports false when the client is gone.
func (f Frames) Put(frame []byte) bool {
	return f.out.put(func(b []byte) []byte { return append(b, frame...) })
}

// Cancel ends a stream before its headers are sent, so that the response can be an error.
// It reports false if they are sent.
func (f Frames) Cancel() bool { return f.out.cancel() }

// Close sends the rest and waits until it is sent.
func (f Frames) Close() { f.out.close() }

// LogFailure notes in the log why a stream that has begun was cut short.
func LogFailure(w http.ResponseWriter, err error) { logFailure(w, err) }

// LogIgnored notes in the log which parts of a request had no effect.
func LogIgnored(w http.ResponseWriter, fields []string) { logIgnored(w, fields) }

// Refuse returns the error of a request with an HTTP status, for families of routes whose errors
// have the shape of this package's.
func Refuse(status int, param, format string, args ...any) error {
	return newRefusal(param, format, args...).status(status)
}
