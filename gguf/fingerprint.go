package gguf

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
)

// Fingerprint identifies the content of a model file, in 32 hexadecimal digits. It
// changes with every change that changes the model's answers.
//
// The header of each part, which has the metadata and the tensor table, is hashed as a
// whole. Weights are too large for that: of them, the hash has samples and, because a
// change may lie between samples, the file's size, modification time and inode. So a
// copy has another fingerprint. It takes milliseconds for a model of any size.
func Fingerprint(path string) (string, error) {
	paths, err := Parts(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, p := range paths {
		if err := hashPart(sum, p); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

const (
	sampleTail   = 64 << 10
	sampleBlock  = 4 << 10
	sampleBlocks = 16        // at equal distances over the file
	unknownHead  = 256 << 10 // is hashed if the header is not valid
)

// hashPart writes to w what identifies a part.
func hashPart(w io.Writer, path string) error {
	f, size, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// The open file, because another one may have taken its path.
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := binary.Write(w, binary.LittleEndian, []int64{size, info.ModTime().UnixNano(), int64(inode(info))}); err != nil {
		return err
	}
	// The buffer also reads, and so hashes, some bytes after the header.
	h := &header{
		r:   bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(f, 0, size), w), 1<<18),
		end: min(size, maxHeader), size: size,
	}
	headErr := h.skip()
	hash := func(at, n int64) error {
		at = max(0, at)
		n = min(n, size-at)
		if _, err := io.CopyN(w, io.NewSectionReader(f, at, n), n); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		return nil
	}
	if headErr != nil { // not a valid header
		if err := hash(0, unknownHead); err != nil {
			return err
		}
	}
	for i := range int64(sampleBlocks) {
		if err := hash((size-sampleBlock)/(sampleBlocks+1)*(i+1), sampleBlock); err != nil {
			return err
		}
	}
	return hash(size-sampleTail, sampleTail)
}

// skip reads the header without keeping it. It checks only what it needs to find the
// end: a vocabulary has millions of bytes, and [Decode] checks them when the model is
// loaded.
func (h *header) skip() error {
	pairs, infos := h.start(&File{})
	for range pairs {
		h.skipStrings(1)
		elem, n := Kind(h.uint32("a value")), uint64(1)
		if elem == Array {
			elem, n = Kind(h.uint32("a value")), h.uint64("a value")
		}
		switch size := uint64(max(0, elem.size())); {
		case elem == String:
			h.skipStrings(n)
		case size == 0:
			h.fail(malformed("a value has the unknown type %d", uint32(elem)))
		case h.has(n, size, "a value"):
			h.discard(n * size)
		}
		if h.err != nil {
			break
		}
	}
	for range infos {
		h.skipStrings(1)
		dims := h.uint32("a tensor")
		h.discard(8*uint64(dims) + 4 + 8) // dimensions, type, offset
		if h.err != nil {
			break
		}
	}
	return h.err
}

func (h *header) skipStrings(n uint64) {
	for range n {
		h.discard(h.uint64("a string"))
		if h.err != nil {
			break
		}
	}
}

// discard skips n bytes.
func (h *header) discard(n uint64) {
	if !h.has(n, 1, "the header") {
		return
	}
	_, err := h.r.Discard(int(n))
	h.fail(err)
	h.pos += int64(n)
}

// FileID identifies the content of one of the files that a model is used with, such as
// a projector. It is "" for a file that cannot be read: loading reports that.
func FileID(path string) string {
	if path == "" {
		return ""
	}
	id, err := Fingerprint(path)
	if err != nil {
		return ""
	}
	return id
}
