package gguf

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
)

// Fingerprint identifies weights independently of their path: 32 hexadecimal digits,
// computed in a millisecond from samples of each part. It is not cryptographic: two
// crafted models can share a fingerprint.
func Fingerprint(path string) (string, error) {
	paths, err := Parts(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, p := range paths {
		if err := sample(sum, p); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

const (
	sampleHead   = 256 << 10 // bytes; metadata and vocabulary are here
	sampleTail   = 64 << 10
	sampleBlock  = 4 << 10
	sampleBlocks = 16 // spread over the file
)

// sample writes a file's size to w, its beginning, blocks at equal distances and
// its end.
func sample(w io.Writer, path string) error {
	f, size, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := binary.Write(w, binary.LittleEndian, size); err != nil {
		return err
	}
	take := func(at, n int64) error {
		at = max(0, at)
		if _, err := io.CopyN(w, io.NewSectionReader(f, at, n), min(n, size-at)); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		return nil
	}
	if err := take(0, sampleHead); err != nil {
		return err
	}
	for i := range int64(sampleBlocks) {
		if err := take((size-sampleBlock)/(sampleBlocks+1)*(i+1), sampleBlock); err != nil {
			return err
		}
	}
	return take(size-sampleTail, sampleTail)
}
