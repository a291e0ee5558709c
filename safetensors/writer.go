package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// A Writer writes a file sequentially: the header first, then the tensors.
type Writer struct {
	w    io.Writer
	left int64 // bytes that are still to come
}

// NewWriter writes the header of a file with these tensors and metadata, which may be nil.
// Write must then get the tensors' bytes, in the same order and without gaps.
func NewWriter(w io.Writer, metadata map[string]string, tensors []Tensor) (*Writer, error) {
	head := []byte{'{'}
	add := func(name string, value any) error {
		if len(head) > 1 {
			head = append(head, ',')
		}
		for i, v := range []any{name, value} {
			text, err := json.Marshal(v)
			if err != nil {
				return err
			}
			if i == 1 {
				head = append(head, ':')
			}
			head = append(head, text...)
		}
		return nil
	}
	if metadata != nil {
		if err := add("__metadata__", metadata); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{"__metadata__": true}
	out := &Writer{w: w}
	for _, t := range tensors {
		if err := t.check(); err != nil {
			return nil, err
		}
		if seen[t.Name] {
			return nil, malformed(t.Name, "appears twice")
		}
		seen[t.Name] = true
		if t.Size() > maxBytes-out.left {
			return nil, malformed("", "the tensors have more bytes than a file can have")
		}
		if out.left%t.Type.Size() != 0 {
			return nil, malformed(t.Name, "would be misaligned: those of wider types come first")
		}
		shape := append([]int64{}, t.Shape...) // [] for a scalar, not null
		if err := add(t.Name, entry{&t.Type, &shape, &[]int64{out.left, out.left + t.Size()}}); err != nil {
			return nil, err
		}
		out.left += t.Size()
	}
	head = append(head, '}')
	// The data begin at a multiple of eight, so that a mapped file is aligned.
	head = append(head, bytes.Repeat([]byte{' '}, (8-len(head)%8)%8)...)
	if len(head) > MaxHeader {
		return nil, malformed("", "the header has %d bytes: the limit is %d", len(head), MaxHeader)
	}
	if _, err := w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...)); err != nil {
		return nil, fmt.Errorf("write the header: %w", err)
	}
	return out, nil
}

// Write writes the next bytes of tensors.
func (w *Writer) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		return 0, fmt.Errorf("%d bytes more than the tensors have", int64(len(p))-w.left)
	}
	n, err := w.w.Write(p)
	w.left -= int64(n)
	return n, err
}

// Close ends the file and reports missing bytes. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.left > 0 {
		return fmt.Errorf("the tensors lack %d bytes", w.left)
	}
	return nil
}
