package remote

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// readAll gives the messages of a stream, comments with a colon before them.
func readAll(r io.Reader) ([]string, error) {
	var all []string
	s := newSSEReader(r)
	for {
		m, err := s.next()
		if err != nil {
			return all, err
		}
		text := string(m.text)
		if m.comment {
			text = ":" + text
		}
		all = append(all, text)
	}
}

func TestSSE(t *testing.T) {
	tests := []struct {
		name, stream string
		want         []string
	}{
		{"events", "data: a\n\ndata: b\n\n", []string{"a", "b"}},
		{"no space", "data:a\n\n", []string{"a"}},
		{"one space belongs to the field", "data:  a\n\n", []string{" a"}},
		{"windows", "data: a\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}},
		{"old macs", "data: a\r\rdata: b\r\r", []string{"a", "b"}},
		{"several lines", "data: a\ndata:\ndata: b\n\n", []string{"a\n\nb"}},
		{"other fields", "event: x\nid: 1\nretry: 5\ndata: a\ndatum: b\n\nevent: y\n\n", []string{"a"}},
		{"comments", ": one\n\n:two\ndata: a\n: three\ndata: b\n\n", []string{": one", ":two", "a\nb"}},
		{"no blank line at the end", "data: a\n\ndata: b\n", []string{"a", "b"}},
		{"no line end at the end", "data: a\n\ndata: b", []string{"a", "b"}},
		{"empty data", "data\n\ndata:\n\n", []string{"", ""}},
		{"byte order mark", "\ufeffdata: a\n\n", []string{"a"}},
		{"many blank lines", "\n\n\ndata: a\n\n\n\n", []string{"a"}},
		{"nothing", "", nil},
		{"long", "data: " + strings.Repeat("x", 200_000) + "\n\n", []string{strings.Repeat("x", 200_000)}},
	}
	for _, test := range tests {
		for _, r := range []io.Reader{strings.NewReader(test.stream), iotest.OneByteReader(strings.NewReader(test.stream)), iotest.DataErrReader(strings.NewReader(test.stream))} {
			got, err := readAll(r)
			if err != io.EOF || !slices.Equal(got, test.want) {
				t.Errorf("%s: got %.100q, %v, want %.100q", test.name, got, err, test.want)
			}
		}
	}
}

func TestSSEBounds(t *testing.T) {
	line := strings.NewReader("data: " + strings.Repeat("x", maxEvent+1) + "\n\n")
	if _, err := readAll(line); !errors.Is(err, errEventTooLong) {
		t.Errorf("a long line: %v", err)
	}
	lines := strings.NewReader(strings.Repeat("data: "+strings.Repeat("x", 1<<20)+"\n", maxEvent>>20+1))
	if _, err := readAll(lines); !errors.Is(err, errEventTooLong) {
		t.Errorf("many lines: %v", err)
	}
	broken := io.MultiReader(strings.NewReader("data: a\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if got, err := readAll(broken); err != io.ErrUnexpectedEOF || got != nil {
		t.Errorf("an event that broke off: %q, %v", got, err)
	}
}

// A stream reads the same however it is cut, and whichever way lines end.
func FuzzSSE(f *testing.F) {
	f.Add([]byte("data: a\n\n: c\r\ndata:b\rdata: c\n\n\r\n"))
	f.Add([]byte("\ufeffdata\n\nid: 3\ndata: x"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) > 1<<14 {
			return
		}
		whole, err := readAll(bytes.NewReader(stream))
		if err != io.EOF {
			t.Fatal(err)
		}
		bits, err := readAll(iotest.OneByteReader(bytes.NewReader(stream)))
		if err != io.EOF || !slices.Equal(bits, whole) {
			t.Fatalf("byte by byte: %q, %v, want %q", bits, err, whole)
		}
		unix := bytes.ReplaceAll(bytes.ReplaceAll(stream, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
		same, err := readAll(bytes.NewReader(unix))
		if err != io.EOF || !slices.Equal(same, whole) {
			t.Fatalf("with \\n: %q, %v, want %q", same, err, whole)
		}
	})
}
