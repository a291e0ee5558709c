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

// A Mismatch is a file that is not what it was when the model was installed.
type Mismatch struct {
	Path string `json:"path"`
	What string `json:"what"` // a clause
}

// HasChecksums reports whether it is known what the model's bytes should be: whether all
// its files have a hash.
func (m Model) HasChecksums() bool {
	for _, f := range m.Files {
		if f.SHA256 == "" && f.Role != Terms {
			return false
		}
	}
	return len(m.Files) > 0
}

// Verify reads all files of a model that has hashes and compares. When nothing is wrong,
// it writes down that the model is verified. Progress, which may be nil, is called with
// the number of bytes that are done. An error is of the disk, or ctx's cause.
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
		sum, n, err := hash(ctx, f.Path, io.Discard, func(n int64) {
			if progress != nil {
				progress(done+n, total)
			}
		})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			damage = append(damage, Mismatch{f.Path, "it is gone"})
		case err != nil:
			return nil, err
		case n != f.Size:
			damage = append(damage, Mismatch{f.Path, fmt.Sprintf("it has %d bytes instead of %d", n, f.Size)})
		case sum != f.SHA256:
			damage = append(damage, Mismatch{f.Path, "its bytes have changed: its SHA-256 is " + sum + " instead of " + f.SHA256})
		}
		done += f.Size
	}
	if len(damage) == 0 && m.HasChecksums() {
		_ = s.MarkVerified(m, began) // that it is whole is true all the same
	}
	return damage, nil
}

// hash reads the file at path, copies it to w and gives its SHA-256 and its size.
func hash(ctx context.Context, path string, w io.Writer, progress func(done int64)) (sum string, n int64, err error) {
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
