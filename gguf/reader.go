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

// Decode reads the header of one part, a file of size bytes. It never allocates more
// memory than the file has bytes.
func Decode(r io.ReaderAt, size int64) (*File, error) {
	h := &header{
		r:    bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16),
		end:  min(size, maxHeader),
		size: size,
	}
	f := &File{}
	if err := h.decode(f); err != nil {
		return nil, err
	}
	return f, nil
}

// maxHeader bounds the memory of metadata and tensor infos. The largest vocabularies make
// headers of 20 MB.
const maxHeader = 256 << 20

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

// A header reads the header of a file sequentially. After an error every method returns
// zero values.
type header struct {
	r    *bufio.Reader
	pos  int64
	end  int64   // where reading must stop
	size int64   // of the file
	err  error   // the first one
	buf  [8]byte // of integers: a vocabulary has hundreds of thousands
}

func (h *header) left() uint64 { return uint64(h.end - h.pos) }

// fail sets the error, unless there is one.
func (h *header) fail(err error) {
	if h.err == nil {
		h.err = err
	}
}

// has reports whether count items of size bytes follow. It divides: count is untrusted.
func (h *header) has(count, size uint64, what string) bool {
	if h.err != nil || count <= h.left()/size {
		return h.err == nil
	}
	if h.end < h.size {
		h.fail(malformed("the part before the tensors has more than %d MB", maxHeader>>20))
	} else {
		h.fail(malformed("the file ends inside %s, at %d bytes", what, h.size))
	}
	return false
}

func (h *header) read(b []byte, what string) {
	if !h.has(uint64(len(b)), 1, what) {
		clear(b)
		return
	}
	if _, err := io.ReadFull(h.r, b); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = malformed("the file ends inside %s: it has become shorter", what)
		} else {
			err = fmt.Errorf("at byte %d: %w", h.pos, err)
		}
		h.fail(err)
		clear(b)
		return
	}
	h.pos += int64(len(b))
}

func (h *header) uint32(what string) uint32 {
	h.read(h.buf[:4], what)
	return binary.LittleEndian.Uint32(h.buf[:])
}

func (h *header) uint64(what string) uint64 {
	h.read(h.buf[:], what)
	return binary.LittleEndian.Uint64(h.buf[:])
}

// name reads a string of at most limit bytes.
func (h *header) name(limit int, what string) string {
	n := h.uint64(what)
	if n > uint64(limit) {
		h.fail(malformed("%s has a name of %d bytes: the limit is %d", what, n, limit))
	}
	if h.err != nil {
		return ""
	}
	b := make([]byte, n)
	h.read(b, what)
	return string(b)
}

func (h *header) decode(f *File) error {
	pairs, infos := h.start(f)
	for i := range pairs {
		if h.pair(&f.Metadata, i); h.err != nil {
			return h.err
		}
	}
	align, err := alignment(&f.Metadata)
	if h.fail(err); h.err != nil {
		return h.err
	}
	names := make(map[string]bool, infos)
	offsets := make([]uint64, infos)
	f.Tensors = make([]Tensor, infos)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if offsets[i] = h.info(t, i); h.err != nil {
			return h.err
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

// start reads the beginning of a file, up to the numbers of keys and tensors.
func (h *header) start(f *File) (pairs, infos uint64) {
	h.magic()
	f.Version = h.uint32("the version")
	switch {
	case h.err != nil:
	case f.Version&0xFFFF == 0 && f.Version != 0:
		h.fail(malformed("the file is big-endian, made for another kind of processor"))
	case f.Version == 1:
		h.fail(malformed("the file is of GGUF version 1, which nothing reads any more"))
	case f.Version != 2 && f.Version != 3:
		h.fail(malformed("the file is of GGUF version %d, and versions 2 and 3 are known", f.Version))
	}
	infos, pairs = h.uint64("the number of tensors"), h.uint64("the number of keys")
	if infos > min(maxTensors, h.left()/minInfo) {
		h.fail(malformed("the file says it has %d tensors, more than can be in %d bytes", infos, h.size))
	}
	if pairs > min(maxKeys, h.left()/minPair) {
		h.fail(malformed("the file says it has %d keys, more than can be in %d bytes", pairs, h.size))
	}
	if h.err != nil {
		return 0, 0
	}
	return pairs, infos
}

func (h *header) magic() {
	b, err := h.r.Peek(int(min(h.size, 64)))
	switch what := resembles(b); {
	case err != nil:
		h.fail(fmt.Errorf("at byte 0: %w", err))
	case len(b) >= 4 && string(b[:4]) == Magic:
		h.read(make([]byte, 4), "the magic number")
	case what != "":
		h.fail(malformed("the file is not a GGUF but %s", what))
	default:
		h.fail(malformed("the file is not a GGUF"))
	}
}

// pair reads a key and its value.
func (h *header) pair(m *Metadata, i uint64) {
	key := h.name(maxKey, fmt.Sprintf("key %d", i))
	if _, ok := m.Value(key); ok {
		h.fail(malformed("the key %q appears twice", key))
	}
	m.Set(key, h.value(fmt.Sprintf("the value of %q", key)))
}

func (h *header) value(what string) Value {
	kind, n := Kind(h.uint32(what)), uint64(1)
	v := Value{kind: kind}
	if kind == Array {
		v.elem, n = Kind(h.uint32(what)), h.uint64(what)
	}
	switch elem := v.Elem(); {
	case h.err != nil:
		return Value{}
	case elem.size() > 0:
		if h.has(n, uint64(elem.size()), what) {
			v.raw = make([]byte, int64(n)*elem.size())
			h.read(v.raw, what)
		}
	case elem == String:
		v.raw = h.strings(n, what)
	case elem == Array:
		h.fail(malformed("%s is an array of arrays", what))
	default:
		h.fail(malformed("%s has the unknown type %d", what, uint32(elem)))
	}
	if kind == Array {
		v.n = int(n)
	}
	return v
}

// strings reads n strings with their lengths, in the encoding of the file.
func (h *header) strings(n uint64, what string) []byte {
	if !h.has(n, 8, what) {
		return nil
	}
	raw := make([]byte, 0, min(16*n, 1<<20))
	for range n {
		size := h.uint64(what)
		if !h.has(size, 1, what) {
			return nil
		}
		raw = binary.LittleEndian.AppendUint64(raw, size)
		at := len(raw)
		raw = append(raw, make([]byte, size)...)
		h.read(raw[at:], what)
	}
	return raw
}

// info reads the description of one tensor, and returns its offset.
func (h *header) info(t *Tensor, i int) uint64 {
	what := fmt.Sprintf("tensor %d", i)
	t.Name = h.name(MaxName, what)
	dims := h.uint32(what)
	if dims > MaxDims {
		h.fail(malformed("tensor %q has %d dimensions: the limit is %d", t.Name, dims, MaxDims))
		return 0
	}
	t.Dims = make([]int64, dims)
	for j := range t.Dims {
		t.Dims[j] = int64(h.uint64(what))
	}
	if t.Type = Type(h.uint32(what)); h.err == nil {
		h.fail(t.check())
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
