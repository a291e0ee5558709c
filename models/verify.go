package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// A Mismatch is a file that has changed since the model was installed.
type Mismatch struct {
	Path string `json:"path"`
	What string `json:"what"` // a clause
}

// HasChecksums reports whether all files of the model have a checksum.
func (m Model) HasChecksums() bool {
	for _, f := range m.Files {
		if f.SHA256 == "" && f.Role != Terms {
			return false
		}
	}
	return len(m.Files) > 0
}

// Verify compares the files of a model with their checksums. If all match, the model is
// marked as verified. Progress may be nil. An error is of the disk, or ctx's cause.
func (s Store) Verify(ctx context.Context, m Model, progress func(done, total int64)) ([]Mismatch, error) {
	began := time.Now()
	damage := []Mismatch{}
	var done, total int64
	for _, f := range m.Files {
		total += f.Size
	}
	for _, f := range m.Files {
		if f.SHA256 == "" {
			done += f.Size
			continue
		}
		sum, n, err := Hash(ctx, f.Path, io.Discard, func(n int64) {
			if progress != nil {
				progress(done+n, total)
			}
		})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			damage = append(damage, Mismatch{f.Path, "it is missing"})
		case err != nil:
			return nil, err
		case n != f.Size:
			damage = append(damage, Mismatch{f.Path, fmt.Sprintf("it has %d bytes instead of %d", n, f.Size)})
		case sum != f.SHA256:
			damage = append(damage, Mismatch{f.Path, "it has changed: its SHA-256 is " + sum + " instead of " + f.SHA256})
		}
		done += f.Size
	}
	if len(damage) == 0 && m.HasChecksums() {
		_ = s.MarkVerified(m, began) // only a record: it need not succeed
	}
	return damage, nil
}

// Hash copies the file at path to w and returns its SHA-256, in hex, and its size.
func Hash(ctx context.Context, path string, w io.Writer, progress func(done int64)) (sum string, n int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if ctx.Err() != nil {
			return "", n, context.Cause(ctx)
		}
		got, err := f.Read(buf)
		h.Write(buf[:got])
		if _, err := w.Write(buf[:got]); err != nil {
			return "", n, err
		}
		n += int64(got)
		progress(n)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), n, nil
		}
		if err != nil {
			return "", n, fmt.Errorf("read %s: %w", path, withoutPath(err))
		}
	}
}
