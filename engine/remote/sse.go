package remote

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxEvent bounds a line, and the data of one event, of a stream.
const maxEvent = 32 << 20

var errEventTooLong = errors.New("an event of the stream is too long")

// A message is what a stream has next: the data of an event, or a comment.
type message struct {
	comment bool
	failed  bool   // an event of the type "error"
	last    bool   // the stream ended within the event
	text    []byte // valid until the next call
}

// An sseReader reads server-sent events as the HTML standard defines them, except
// that fields other than data and event are ignored and an event at the very end counts
// without its blank line.
type sseReader struct {
	r       *bufio.Reader
	line    []byte // a line that exceeds r's buffer
	data    []byte
	hasData bool
	failed  bool
	afterCR bool // the next \n belongs to the last line's end
	first   bool
}

func newSSEReader(r io.Reader) *sseReader {
	return &sseReader{r: bufio.NewReaderSize(r, 64<<10), first: true}
}

// next gives the next message, io.EOF after the last one.
func (s *sseReader) next() (message, error) {
	s.data, s.hasData, s.failed = s.data[:0], false, false
	for {
		line, err := s.readLine()
		if err != nil {
			if err == io.EOF && s.hasData {
				return message{failed: s.failed, last: true, text: s.data}, nil
			}
			return message{}, err
		}
		switch {
		case len(line) == 0 && s.hasData:
			return message{failed: s.failed, text: s.data}, nil
		case len(line) == 0:
			s.failed = false
		case line[0] == ':':
			if !s.hasData { // a comment within an event is ignored
				return message{comment: true, text: line[1:]}, nil
			}
		default:
			if err := s.field(line); err != nil {
				return message{}, err
			}
		}
	}
}

func (s *sseReader) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	if string(name) == "event" {
		s.failed = string(value) == "error"
	}
	if string(name) != "data" {
		return nil
	}
	if len(s.data)+len(value) > maxEvent {
		return errEventTooLong
	}
	if s.hasData {
		s.data = append(s.data, '\n')
	}
	s.data, s.hasData = append(s.data, value...), true
	return nil
}

// readLine reads a line that ends with \n, \r or both, or with the stream. It is
// valid until the next call.
func (s *sseReader) readLine() ([]byte, error) {
	s.line = s.line[:0]
	for {
		if _, err := s.r.Peek(1); err != nil {
			if err == io.EOF && len(s.line) > 0 {
				return s.take(s.line), nil
			}
			return nil, err
		}
		ready, _ := s.r.Peek(s.r.Buffered())
		if s.afterCR {
			s.afterCR = false
			if ready[0] == '\n' {
				s.r.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(ready, "\r\n")
		if end < 0 {
			if len(s.line)+len(ready) > maxEvent {
				return nil, errEventTooLong
			}
			s.line = append(s.line, ready...)
			s.r.Discard(len(ready))
			continue
		}
		s.afterCR = ready[end] == '\r'
		line := ready[:end]
		if len(s.line) > 0 {
			s.line = append(s.line, line...)
			line = s.line
		}
		s.r.Discard(end + 1)
		return s.take(line), nil
	}
}

// take removes the byte order mark that a stream may begin with.
func (s *sseReader) take(line []byte) []byte {
	if s.first {
		s.first = false
		return bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return line
}
