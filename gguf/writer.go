package gguf

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A Writer writes a file sequentially: the header first, then each tensor, so that a model
// is never in memory as a whole.
type Writer struct {
	w       io.Writer
	tensors []Tensor
	align   int64
	next    int   // tensor that comes after the current one
	left    int64 // bytes that the current tensor still wants
	padding int64 // zeros that come before the next tensor
	err     error // the first one; nothing is written after it
}

// NewWriter writes the header of a file of these metadata and tensors. The
// tensors' data follow in the same order. Writing to a temporary file and
// renaming it is up to the caller.
func NewWriter(w io.Writer, meta *Metadata, tensors []Tensor) (*Writer, error) {
	align, err := alignment(meta)
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	head := append([]byte(nil), Magic...)
	head = le.AppendUint32(head, Version)
	head = le.AppendUint64(head, uint64(len(tensors)))
	head = le.AppendUint64(head, uint64(meta.Len()))
	for key, v := range meta.All() {
		if len(key) > maxKey {
			return nil, malformed("key %.20q… has %d bytes, and %d are allowed", key, len(key), maxKey)
		}
		head = appendString(head, key)
		head = le.AppendUint32(head, uint32(v.kind))
		if v.kind == Array {
			head = le.AppendUint32(head, uint32(v.elem))
			head = le.AppendUint64(head, uint64(v.n))
		}
		head = append(head, v.raw...)
	}
	seen := make(map[string]bool, len(tensors))
	var offset int64
	for _, t := range tensors {
		if err := t.check(); err != nil {
			return nil, err
		}
		if seen[t.Name] {
			return nil, malformed("there are two tensors named %q", t.Name)
		}
		seen[t.Name] = true
		head = appendString(head, t.Name)
		head = le.AppendUint32(head, uint32(len(t.Dims)))
		for _, d := range t.Dims {
			head = le.AppendUint64(head, uint64(d))
		}
		head = le.AppendUint32(head, uint32(t.Type))
		head = le.AppendUint64(head, uint64(offset))
		if t.Size() > maxElements-offset {
			return nil, malformed("the tensors have more bytes than a file can have")
		}
		offset += pad(t.Size(), align)
	}
	out := &Writer{w: w, tensors: tensors, align: align, padding: pad(int64(len(head)), align) - int64(len(head))}
	if _, err := w.Write(head); err != nil {
		return nil, fmt.Errorf("write the header: %w", err)
	}
	return out, nil
}

// Tensor begins the data of the next tensor, which must have this name. What is
// returned takes exactly its bytes.
func (w *Writer) Tensor(name string) (io.Writer, error) {
	if err := w.finish(); err != nil {
		return nil, err
	}
	if w.next == len(w.tensors) {
		return nil, fmt.Errorf("tensor %q: all %d tensors are written", name, len(w.tensors))
	}
	t := w.tensors[w.next]
	if t.Name != name {
		return nil, fmt.Errorf("tensor %q: %q comes before it", name, t.Name)
	}
	if err := w.pad(); err != nil {
		return nil, err
	}
	w.next++
	w.left = t.Size()
	w.padding = pad(w.left, w.align) - w.left
	return tensorWriter{w}, nil
}

// Close ends the file. It reports data that is missing, and does not close what
// is below.
func (w *Writer) Close() error {
	if err := w.finish(); err != nil {
		return err
	}
	if w.next < len(w.tensors) {
		return fmt.Errorf("tensor %q has no data", w.tensors[w.next].Name)
	}
	return w.pad()
}

// finish checks that the current tensor is whole.
func (w *Writer) finish() error {
	if w.err == nil && w.left > 0 {
		return fmt.Errorf("tensor %q lacks %d of %d bytes", w.tensors[w.next-1].Name, w.left, w.tensors[w.next-1].Size())
	}
	return w.err
}

func (w *Writer) pad() error {
	if w.padding > 0 {
		_, w.err = w.w.Write(make([]byte, w.padding))
		w.padding = 0
	}
	return w.err
}

type tensorWriter struct{ w *Writer }

func (t tensorWriter) Write(p []byte) (int, error) {
	w := t.w
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(p)) > w.left {
		return 0, fmt.Errorf("tensor %q: %d bytes too many", w.tensors[w.next-1].Name, int64(len(p))-w.left)
	}
	n, err := w.w.Write(p)
	w.left -= int64(n)
	w.err = err
	return n, err
}

// alignment is what the metadata say, or the default. llama.cpp aborts when the
// key is not a uint32.
func alignment(m *Metadata) (int64, error) {
	const key = "general.alignment"
	v, ok := m.Value(key)
	if !ok {
		return DefaultAlignment, nil
	}
	if v.kind != Uint32 {
		return 0, malformed("%s is of type %v instead of uint32", key, v.kind)
	}
	a, _ := v.int(0)
	if a <= 0 || a > maxAlignment || a&(a-1) != 0 {
		return 0, malformed("%s is %d, not a power of two up to %d", key, a, maxAlignment)
	}
	return a, nil
}

// maxAlignment is far above every alignment in use, a page of memory.
const maxAlignment = 1 << 20

// maxKey is the length of a key at most, in bytes: the specification's.
const maxKey = 65535
