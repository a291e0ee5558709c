package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"slices"
)

// MaxHeader is the largest header in bytes. The reference allows 100 MB; the largest
// published models need three.
const MaxHeader = 32 << 20

// maxTensors bounds the tensors of a header, which need more memory than their text.
const maxTensors = 1 << 19

// A File is the header of a file.
type File struct {
	Tensors  []Tensor          // in the order of their bytes
	Metadata map[string]string // __metadata__, or nil
}

// Decode reads the header of a file of size bytes. An invalid file is a [*FormatError].
func Decode(r io.ReaderAt, size int64) (*File, error) {
	var length [8]byte
	if size < int64(len(length)) {
		return nil, malformed("", "the file has %d bytes: too short for a header", size)
	}
	if _, err := r.ReadAt(length[:], 0); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(length[:])
	switch {
	case n > MaxHeader:
		return nil, malformed("", "the header has %d bytes: the limit is %d", n, MaxHeader)
	case int64(n) > size-8:
		return nil, malformed("", "the file ends inside its header")
	}
	head := make([]byte, n)
	if _, err := r.ReadAt(head, 8); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	f := &File{}
	if err := f.parse(head); err != nil {
		return nil, err
	}
	if err := f.place(8+int64(n), size); err != nil {
		return nil, err
	}
	return f, nil
}

// entry is a tensor in the JSON of the header.
type entry struct {
	Type    *Type    `json:"dtype"`
	Shape   *[]int64 `json:"shape"`
	Offsets *[]int64 `json:"data_offsets"`
}

// parse reads the JSON of the header: an object with an entry for each tensor. It reads
// names one by one, since decoding into a map would drop duplicates.
func (f *File) parse(head []byte) error {
	d := json.NewDecoder(bytes.NewReader(head))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return malformed("", "the header is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return malformed("", "the header is not JSON: %v", err)
		}
		name, _ := t.(string) // all keys are
		if seen[name] {
			return malformed(name, "appears twice")
		}
		seen[name] = true
		if name == "__metadata__" {
			if err := d.Decode(&f.Metadata); err != nil {
				return malformed("", "the metadata in the header are not strings: %v", err)
			}
			continue
		}
		if len(f.Tensors) == maxTensors {
			return malformed("", "it has more than %d tensors", maxTensors)
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return malformed(name, "cannot be read: %v", err)
		}
		if e.Type == nil || e.Shape == nil || e.Offsets == nil || len(*e.Offsets) != 2 {
			return malformed(name, "lacks a type, a shape or two offsets")
		}
		tensor := Tensor{Name: name, Type: *e.Type, Shape: *e.Shape, Offset: (*e.Offsets)[0]}
		if err := tensor.check(); err != nil {
			return err
		}
		// Avoid overflow: offsets are untrusted.
		begin, end := (*e.Offsets)[0], (*e.Offsets)[1]
		switch {
		case begin < 0 || end < begin || end > maxBytes:
			return malformed(name, "has the invalid range of bytes %d to %d", begin, end)
		case end-begin != tensor.Size():
			return malformed(name, "has %d bytes, and %d by its shape %v of %s", end-begin, tensor.Size(), tensor.Shape, tensor.Type)
		case begin%tensor.Type.Size() != 0:
			return malformed(name, "is misaligned: it begins at byte %d, not a multiple of %d", begin, tensor.Type.Size())
		}
		f.Tensors = append(f.Tensors, tensor)
	}
	if _, err := d.Token(); err != nil {
		return malformed("", "the header is not JSON: %v", err)
	}
	if rest := bytes.Trim(head[d.InputOffset():], " \x00"); len(rest) > 0 {
		return malformed("", "the header has data after its JSON")
	}
	return nil
}

// place checks that the tensors follow each other from the end of the header to the end of
// the file, and makes their offsets relative to the file.
func (f *File) place(data, size int64) error {
	slices.SortStableFunc(f.Tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Size(), b.Size()))
	})
	var at int64
	before := ""
	for i := range f.Tensors {
		t := &f.Tensors[i]
		switch {
		case t.Offset < at:
			return malformed(t.Name, "overlaps with %q", before)
		case t.Offset > at:
			return malformed(t.Name, "begins %d bytes after the end of the tensor before it", t.Offset-at)
		case t.Offset+t.Size() > size-data:
			return malformed(t.Name, "ends outside the file: it is cut off, or the download did not end")
		}
		at += t.Size()
		before = t.Name
		t.Offset += data
	}
	if at != size-data {
		return malformed("", "it has %d bytes after its tensors", size-data-at)
	}
	return nil
}
