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
	h := &head{
		r:   bufio.NewReaderSize(io.TeeReader(io.NewSectionReader(f, 0, size), w), 1<<18),
		end: min(size, maxHead), size: size,
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
func (h *head) skip() error {
	pairs, infos, err := h.start(&File{})
	if err != nil {
		return err
	}
	for range pairs {
		if err := h.skipStrings(1); err != nil {
			return err
		}
		kind, err := h.uint32("a value")
		if err != nil {
			return err
		}
		n, elem := uint64(1), Kind(kind)
		if elem == Array {
			of, err := h.uint32("a value")
			if err != nil {
				return err
			}
			if n, err = h.uint64("a value"); err != nil {
				return err
			}
			elem = Kind(of)
		}
		size := elem.size()
		switch {
		case elem == String:
			err = h.skipStrings(n)
		case size <= 0 || n > uint64(h.left()/size):
			err = malformed("a value cannot be skipped")
		default:
			err = h.discard(n * uint64(size))
		}
		if err != nil {
			return err
		}
	}
	for range infos {
		if err := h.skipStrings(1); err != nil {
			return err
		}
		dims, err := h.uint32("a tensor")
		if err != nil {
			return err
		}
		if err := h.discard(8*uint64(dims) + 4 + 8); err != nil { // dimensions, type, offset
			return err
		}
	}
	return nil
}

func (h *head) skipStrings(n uint64) error {
	for range n {
		size, err := h.uint64("a string")
		if err != nil {
			return err
		}
		if err := h.discard(size); err != nil {
			return err
		}
	}
	return nil
}

// discard skips n bytes.
func (h *head) discard(n uint64) error {
	if err := h.want(n, "the header"); err != nil {
		return err
	}
	_, err := h.r.Discard(int(n))
	h.pos += int64(n)
	return err
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
