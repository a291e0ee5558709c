package lsp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

const (
	// maxMessage is the largest accepted message, in bytes. A message contains the text
	// of a file, with JSON escapes.
	maxMessage = 64 << 20
	// maxHeader is the longest accepted header of a message, in bytes.
	maxHeader = 4 << 10
)

// A message is a request, a notification or a response of JSON-RPC 2.0.
type message struct {
	ID     json.RawMessage `json:"id,omitempty"` // a number or a string; empty in a notification
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
}

// isRequest reports whether a message needs a response.
func (m *message) isRequest() bool { return len(m.ID) > 0 && string(m.ID) != "null" }

// An errorCode is an error code of JSON-RPC or of the Language Server Protocol.
type errorCode int

const (
	parseError           errorCode = -32700
	invalidRequest       errorCode = -32600
	methodNotFound       errorCode = -32601
	invalidParams        errorCode = -32602
	serverNotInitialized errorCode = -32002
	requestCancelled     errorCode = -32800
	contentModified      errorCode = -32801
)

// A failure is the error of a response.
type failure struct {
	Code    errorCode `json:"code"`
	Message string    `json:"message"`
}

func (f *failure) Error() string { return f.Message }

func failed(c errorCode, format string, args ...any) *failure {
	return &failure{c, fmt.Sprintf(format, args...)}
}

// read reads a message: a header with its length, and JSON. After an error of type
// *failure, the next message can be read.
func read(r *bufio.Reader) (message, error) {
	length, err := readHeader(r)
	if err != nil {
		return message{}, err
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, int64(length)); err != nil {
		return message{}, fmt.Errorf("read a message of %d bytes: %w", length, noEOF(err))
	}
	var m message
	if err := json.Unmarshal(body.Bytes(), &m); err != nil {
		return message{}, failed(parseError, "decode the JSON-RPC message: %v", err)
	}
	return m, nil
}

// readHeader returns the length of the message after the header. The error is io.EOF
// at the end of the stream before a header.
func readHeader(r *bufio.Reader) (length int, err error) {
	length = -1
	for read := 0; ; {
		line, err := r.ReadSlice('\n')
		read += len(line)
		switch {
		case read > maxHeader || errors.Is(err, bufio.ErrBufferFull):
			return 0, fmt.Errorf("message header too long: more than %d bytes", maxHeader)
		case errors.Is(err, io.EOF) && read == 0:
			return 0, io.EOF
		case err != nil:
			return 0, fmt.Errorf("read a message header: %w", noEOF(err))
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			if length < 0 {
				return 0, errors.New("message header without Content-Length")
			}
			return length, nil
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return 0, fmt.Errorf("invalid line in a message header: %.40q", text)
		}
		if !strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			continue // Content-Type has only one valid value
		}
		length, err = strconv.Atoi(strings.TrimSpace(value))
		if err != nil || length < 0 || length > maxMessage {
			return 0, fmt.Errorf("invalid Content-Length %.20q: want at most %d", value, maxMessage)
		}
	}
}

// noEOF replaces io.EOF with io.ErrUnexpectedEOF.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A writer writes messages. It is safe for concurrent use.
type writer struct {
	mu sync.Mutex
	w  io.Writer
}

func (w *writer) write(v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	text := bytes.TrimSuffix(body.Bytes(), []byte("\n"))
	whole := append([]byte(fmt.Sprintf("Content-Length: %d\r\n\r\n", len(text))), text...)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.w.Write(whole)
	return err
}

// answer writes the response to a request.
func (w *writer) answer(id json.RawMessage, result any, err error) error {
	if err == nil {
		return w.write(struct {
			Version string          `json:"jsonrpc"`
			ID      json.RawMessage `json:"id"`
			Result  any             `json:"result"`
		}{"2.0", id, result})
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = failed(invalidRequest, "%v", err)
	}
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	return w.write(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   *failure        `json:"error"`
	}{"2.0", id, f})
}

// notify writes a notification.
func (w *writer) notify(method string, params any) error {
	return w.write(struct {
		Version string `json:"jsonrpc"`
		Method  string `json:"method"`
		Params  any    `json:"params"`
	}{"2.0", method, params})
}
