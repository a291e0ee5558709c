package gguf

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// A File is the header of a model, which may have several parts.
type File struct {
	Version  uint32
	Metadata Metadata // of the first part
	Tensors  []Tensor // of all parts, in their order
	Parts    []Part
}

// A Part is one of the files of a model.
type Part struct {
	Path string
	Size int64 // bytes
	Data int64 // where tensors begin, in bytes from the beginning of the file
}

// Size is how many bytes all parts have.
func (f *File) Size() int64 {
	var n int64
	for _, p := range f.Parts {
		n += p.Size
	}
	return n
}

// Read reads the header of the model at path, with the headers of all its parts (see
// [Parts]). An invalid file is a *[FormatError]; an I/O error is of package os.
func Read(path string) (*File, error) {
	paths, err := Parts(path)
	if err != nil {
		return nil, err
	}
	whole, err := readPart(paths[0])
	if err != nil {
		return nil, err
	}
	if err := whole.checkPart(0, len(paths)); err != nil {
		return nil, fmt.Errorf("read %s: %w", paths[0], err)
	}
	for i, p := range paths[1:] {
		part, err := readPart(p)
		if err != nil {
			return nil, err
		}
		if err := part.checkPart(i+1, len(paths)); err != nil {
			return nil, fmt.Errorf("read %s: %w", p, err)
		}
		for _, t := range part.Tensors {
			t.Part = i + 1
			whole.Tensors = append(whole.Tensors, t)
		}
		whole.Parts = append(whole.Parts, part.Parts[0])
	}
	if err := whole.checkWhole(); err != nil {
		return nil, fmt.Errorf("read %s: %w", paths[0], err)
	}
	return whole, nil
}

func readPart(path string) (*File, error) {
	f, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	part, err := Decode(f, size)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	part.Parts[0].Path = path
	return part, nil
}

// open opens a regular file. It checks the type first: opening a named pipe would block
// until a process writes to it.
func open(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, fmt.Errorf("read %s: %w", path, malformed("it is a directory"))
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("read %s: %w", path, malformed("it is not a file"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Decode reads the head of one part, a file of size bytes. No more memory is
// taken than the file backs with bytes.
func Decode(r io.ReaderAt, size int64) (*File, error) {
	h := &head{
		r:    bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16),
		end:  min(size, maxHead),
		size: size,
	}
	f := &File{}
	if err := h.decode(f); err != nil {
		return nil, err
	}
	return f, nil
}

// maxHead bounds the memory that metadata and tensor infos can take. The
// largest vocabularies of today make heads of 20 MB.
const maxHead = 256 << 20

// Both are far above what models have: a few thousand tensors, a hundred keys.
const (
	maxTensors = 1 << 18
	maxKeys    = 1 << 16
)

// The fewest bytes that a key with its value, and a tensor's info, can have.
const (
	minPair = 8 + 4 + 1
	minInfo = 8 + 4 + 4 + 8
)

// A head reads the front of a file, and knows where it is.
type head struct {
	r    *bufio.Reader
	pos  int64
	end  int64 // where reading must stop
	size int64 // of the file
}

func (h *head) left() int64 { return h.end - h.pos }

// want makes sure that n more bytes are there.
func (h *head) want(n uint64, what string) error {
	if n <= uint64(h.left()) {
		return nil
	}
	if h.end < h.size {
		return malformed("the part before the tensors has more than %d MB", maxHead>>20)
	}
	return malformed("the file ends inside %s, at %d bytes", what, h.size)
}

func (h *head) read(b []byte, what string) error {
	if err := h.want(uint64(len(b)), what); err != nil {
		return err
	}
	if _, err := io.ReadFull(h.r, b); err != nil {
		return h.readError(err, what)
	}
	h.pos += int64(len(b))
	return nil
}

// fixed reads a few bytes, which are valid until the next read. It does not allocate:
// a vocabulary has hundreds of thousands of lengths.
func (h *head) fixed(n int, what string) ([]byte, error) {
	if err := h.want(uint64(n), what); err != nil {
		return nil, err
	}
	b, err := h.r.Peek(n)
	if err != nil {
		return nil, h.readError(err, what)
	}
	_, err = h.r.Discard(n)
	h.pos += int64(n)
	return b, err
}

func (h *head) readError(err error, what string) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return malformed("the file ends inside %s: it has become shorter", what)
	}
	return fmt.Errorf("at byte %d: %w", h.pos, err)
}

func (h *head) uint32(what string) (uint32, error) {
	b, err := h.fixed(4, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (h *head) uint64(what string) (uint64, error) {
	b, err := h.fixed(8, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// name reads a string of at most limit bytes.
func (h *head) name(limit int, what string) (string, error) {
	n, err := h.uint64(what)
	if err != nil {
		return "", err
	}
	if n > uint64(limit) {
		return "", malformed("%s has a name of %d bytes, and %d are allowed", what, n, limit)
	}
	b := make([]byte, n)
	err = h.read(b, what)
	return string(b), err
}

func (h *head) decode(f *File) error {
	pairs, infos, err := h.start(f)
	if err != nil {
		return err
	}
	for i := range pairs {
		if err := h.pair(&f.Metadata, i); err != nil {
			return err
		}
	}
	align, err := alignment(&f.Metadata)
	if err != nil {
		return err
	}
	names := make(map[string]bool, infos)
	offsets := make([]uint64, infos)
	f.Tensors = make([]Tensor, infos)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if offsets[i], err = h.info(t, i); err != nil {
			return err
		}
		if names[t.Name] {
			return malformed("there are two tensors named %q", t.Name)
		}
		names[t.Name] = true
	}
	data := pad(h.pos, align)
	f.Parts = []Part{{Size: h.size, Data: data}}
	return place(f.Tensors, offsets, data, align, h.size)
}

// start reads what a file begins with, and how many keys and tensors follow.
func (h *head) start(f *File) (pairs, infos uint64, err error) {
	if err := h.magic(); err != nil {
		return 0, 0, err
	}
	if f.Version, err = h.uint32("the version"); err != nil {
		return 0, 0, err
	}
	switch {
	case f.Version&0xFFFF == 0 && f.Version != 0:
		return 0, 0, malformed("the file is big-endian, made for another kind of processor")
	case f.Version == 1:
		return 0, 0, malformed("the file is of GGUF version 1, which nothing reads any more")
	case f.Version != 2 && f.Version != 3:
		return 0, 0, malformed("the file is of GGUF version %d, and versions 2 and 3 are known", f.Version)
	}
	if infos, err = h.uint64("the number of tensors"); err != nil {
		return 0, 0, err
	}
	if pairs, err = h.uint64("the number of keys"); err != nil {
		return 0, 0, err
	}
	if infos > min(maxTensors, uint64(h.left())/minInfo) {
		return 0, 0, malformed("the file says it has %d tensors, more than can be in %d bytes", infos, h.size)
	}
	if pairs > min(maxKeys, uint64(h.left())/minPair) {
		return 0, 0, malformed("the file says it has %d keys, more than can be in %d bytes", pairs, h.size)
	}
	return pairs, infos, nil
}

func (h *head) magic() error {
	b, err := h.r.Peek(int(min(h.size, 64)))
	if err != nil {
		return fmt.Errorf("at byte 0: %w", err)
	}
	if len(b) >= 4 && string(b[:4]) == Magic {
		return h.read(make([]byte, 4), "the magic number")
	}
	if what := resembles(b); what != "" {
		return malformed("the file is not a GGUF but %s", what)
	}
	return malformed("the file is not a GGUF")
}

// pair reads a key and its value.
func (h *head) pair(m *Metadata, i uint64) error {
	key, err := h.name(maxKey, fmt.Sprintf("key %d", i))
	if err != nil {
		return err
	}
	if _, ok := m.Value(key); ok {
		return malformed("the key %q appears twice", key)
	}
	v, err := h.value(fmt.Sprintf("the value of %q", key))
	if err != nil {
		return err
	}
	m.Set(key, v)
	return nil
}

func (h *head) value(what string) (Value, error) {
	kind, err := h.uint32(what)
	if err != nil {
		return Value{}, err
	}
	v := Value{kind: Kind(kind), elem: Kind(kind)}
	n := uint64(1)
	if v.kind == Array {
		elem, err := h.uint32(what)
		if err != nil {
			return Value{}, err
		}
		if n, err = h.uint64(what); err != nil {
			return Value{}, err
		}
		v.elem = Kind(elem)
	}
	switch size := v.elem.size(); {
	case size > 0:
		// Divided, not multiplied: n is foreign.
		if n > uint64(h.left())/uint64(size) {
			return Value{}, h.want(uint64(h.left())+1, what)
		}
		v.raw = make([]byte, int64(n)*size)
		err = h.read(v.raw, what)
	case v.elem == String:
		v.raw, err = h.strings(n, what)
	case v.elem == Array:
		err = malformed("%s is an array of arrays", what)
	default:
		err = malformed("%s has the unknown type %d", what, uint32(v.elem))
	}
	if v.kind == Array {
		v.n = int(n)
	} else {
		v.elem = 0
	}
	return v, err
}

// strings reads n strings with their lengths, as they are.
func (h *head) strings(n uint64, what string) ([]byte, error) {
	if n > uint64(h.left())/8 {
		return nil, h.want(uint64(h.left())+1, what)
	}
	raw := make([]byte, 0, min(16*n, 1<<20))
	for range n {
		size, err := h.uint64(what)
		if err != nil {
			return nil, err
		}
		if err := h.want(size, what); err != nil {
			return nil, err
		}
		raw = binary.LittleEndian.AppendUint64(raw, size)
		at := len(raw)
		raw = append(raw, make([]byte, size)...)
		if err := h.read(raw[at:], what); err != nil {
			return nil, err
		}
	}
	return raw, nil
}

// info reads the description of one tensor, and returns its offset.
func (h *head) info(t *Tensor, i int) (uint64, error) {
	var err error
	what := fmt.Sprintf("tensor %d", i)
	if t.Name, err = h.name(MaxName, what); err != nil {
		return 0, err
	}
	dims, err := h.uint32(what)
	if err != nil {
		return 0, err
	}
	if dims > MaxDims {
		return 0, malformed("tensor %q has %d dimensions: the limit is %d", t.Name, dims, MaxDims)
	}
	t.Dims = make([]int64, dims)
	for j := range t.Dims {
		d, err := h.uint64(what)
		if err != nil {
			return 0, err
		}
		t.Dims[j] = int64(d)
	}
	kind, err := h.uint32(what)
	if err != nil {
		return 0, err
	}
	t.Type = Type(kind)
	if err := t.check(); err != nil {
		return 0, err
	}
	return h.uint64(what)
}

// place checks that the tensors lie one after the other, as llama.cpp demands,
// and that the file has them whole. Offsets count from where the data begin.
func place(tensors []Tensor, offsets []uint64, data, align, size int64) error {
	at := data
	for i := range tensors {
		t := &tensors[i]
		if offsets[i] != uint64(at-data) {
			return malformed("tensor %q begins at byte %d of the data instead of %d", t.Name, offsets[i], at-data)
		}
		t.Offset = at
		if t.Size() > size-at {
			return malformed("the file ends inside tensor %q: it has %d bytes and needs at least %d", t.Name, size, at+t.Size())
		}
		at = pad(at+t.Size(), align)
	}
	return nil
}
