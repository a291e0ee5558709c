package console

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// Agrees asks a question on stderr, and reports whether the user answers y or yes. Call it only if
// [Console.Asks] is true. question is shown as it is: see [Console.Clean].
func (c *Console) Agrees(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(c.Stderr, "%s [y/N] ", question)
	answer, err := ReadLine(ctx, bufio.NewReader(c.Stdin))
	if err != nil {
		fmt.Fprintln(c.Stderr)
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// ReadLine returns the next line that the user types, or the cause of ctx's end. The
// end of the input is an empty line.
func ReadLine(ctx context.Context, in *bufio.Reader) (string, error) {
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	// A read cannot be interrupted; its goroutine ends with the process or the line.
	go func() {
		text, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return l.text, l.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// maxLine is the longest line that [EachLine] reads, in bytes: room for an image.
const maxLine = 64 << 20

// EachLine calls do for every line of r, then end. more is set if the next line has
// already been read. EachLine returns when ctx ends, even while r blocks.
func EachLine(ctx context.Context, r io.Reader, do func(line []byte, more bool) error, end func() error) error {
	type read struct {
		line []byte
		more bool
		err  error
	}
	lines := make(chan read)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		in := bufio.NewReaderSize(r, 1<<16)
		for n := 1; ; n++ {
			line, err := readLine(in, n)
			select {
			case lines <- read{line, in.Buffered() > 0, err}:
			case <-stop:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case got := <-lines:
			if errors.Is(got.err, io.EOF) {
				return end()
			}
			if got.err != nil {
				return errors.Join(end(), got.err)
			}
			if err := do(got.line, got.more); err != nil {
				return err
			}
		}
	}
}

// readLine reads line n, without its end.
func readLine(r *bufio.Reader, n int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("line %d is longer than %s", n, units.Size(maxLine)), Advice: "Split it into shorter lines."}
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			return bytes.TrimRight(line, "\r\n"), nil
		}
		return nil, err
	}
}
