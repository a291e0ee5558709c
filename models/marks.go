package models

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"
)

// A mark is a small file that holds a model's path. Its modification time is when the
// model was last used or verified; setting it needs no lock.
type mark string

const (
	used     mark = ".used"
	verified mark = ".verified"
)

func (s Store) mark(k mark, path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(s.Dir, string(k), hex.EncodeToString(sum[:16]))
}

func (s Store) setMark(k mark, m Model, when time.Time) error {
	at := s.mark(k, m.Path)
	if os.Chtimes(at, when, when) == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(at, []byte(m.Path+"\n"), 0o600); err != nil {
		return err
	}
	return os.Chtimes(at, when, when)
}

// marks returns when a model was used and verified. A model that has changed since is not
// verified.
func (s Store) marks(m Model) (lastUsed, lastVerified time.Time) {
	if info, err := os.Stat(s.mark(used, m.Path)); err == nil {
		lastUsed = info.ModTime()
	}
	if info, err := os.Stat(s.mark(verified, m.Path)); err == nil {
		lastVerified = info.ModTime()
	}
	for _, f := range m.Files {
		if info, err := os.Stat(f.Path); err != nil || info.ModTime().After(lastVerified) {
			return lastUsed, time.Time{}
		}
	}
	return lastUsed, lastVerified
}

// MarkUsed records that a model is opened now. The error may be ignored.
func (s Store) MarkUsed(m Model) error { return s.setMark(used, m, time.Now()) }

// MarkVerified records that all bytes of a model were read and verified, starting at when.
func (s Store) MarkVerified(m Model, when time.Time) error { return s.setMark(verified, m, when) }
