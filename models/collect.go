package models

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Leftover is something in the store that is not needed.
type Leftover struct {
	What string    `json:"what"` // a noun for display
	Path string    `json:"path"`
	Size int64     `json:"size_bytes"` // that removing it frees
	Time time.Time `json:"time"`       // when it was last changed

	remove func() error
}

// NewLeftover is something elsewhere that is not needed, and how it is removed.
func NewLeftover(what, path string, size int64, when time.Time, remove func() error) Leftover {
	return Leftover{What: what, Path: path, Size: size, Time: when, remove: remove}
}

// Remove removes it, unless it has become needed meanwhile.
func (w Leftover) Remove() error {
	if err := w.remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storeError("remove "+w.Path, err)
	}
	return nil
}

// Leftovers finds what is not needed: what was removed and is still in the trash, stages that
// no process has and that did not change for as long as idle, parts of files that were
// being made beside models, and marks of models that are gone.
func (s Store) Leftovers(idle time.Duration) ([]Leftover, error) {
	if _, err := os.Stat(s.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s.recover()
	old := time.Now().Add(-idle)
	var list []Leftover
	for _, e := range subfolders(filepath.Join(s.Dir, trash)) {
		dir := filepath.Join(s.Dir, trash, e.Name())
		if s.inUse(dir) {
			continue
		}
		list = append(list, s.leftover("removed model", dir, func() error { return s.ifUnused(dir, purge) }))
	}
	for _, e := range subfolders(filepath.Join(s.Dir, incoming)) {
		dir := filepath.Join(s.Dir, incoming, e.Name())
		w := s.leftover("unfinished download or import", dir, func() error { return s.ifUnused(dir, removeAll) })
		if w.Time.Before(old) && !s.inUse(dir) {
			list = append(list, w)
		}
	}
	for _, e := range subfolders(s.Dir) {
		if !strings.HasPrefix(e.Name(), ".bise-") || !strings.HasSuffix(e.Name(), ".part") {
			continue // the name that package staging gives
		}
		dir := filepath.Join(s.Dir, e.Name())
		if w := s.leftover("unfinished file", dir, func() error { return removeAll(dir) }); w.Time.Before(old) {
			list = append(list, w)
		}
	}
	for _, k := range []mark{used, verified} {
		list = append(list, s.staleMarks(k)...)
	}
	s.removeStaleLocks()
	return list, nil
}

// leftover measures a folder.
func (s Store) leftover(what, dir string, remove func() error) Leftover {
	w := Leftover{What: what, Path: dir, Size: freedBytes(dir), remove: remove}
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil {
			if info, err := d.Info(); err == nil && info.ModTime().After(w.Time) {
				w.Time = info.ModTime()
			}
		}
		return nil
	})
	return w
}

// inUse reports whether a process has a stage or a folder of the trash.
func (s Store) inUse(dir string) bool {
	busy := true
	_ = s.ifUnused(dir, func(string) error { busy = false; return nil })
	return busy
}

// ifUnused does something with a folder that no process has, and that no process
// can take while it is done.
func (s Store) ifUnused(dir string, do func(dir string) error) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	l, err := tryLock(dir + lockSuffix)
	if err != nil || l == nil {
		return err
	}
	err = do(dir)
	if !exists(dir) {
		_ = remove(dir + lockSuffix)
	}
	return errors.Join(err, l.Unlock())
}

// staleMarks are those of models that are gone.
func (s Store) staleMarks(k mark) []Leftover {
	var list []Leftover
	entries, _ := os.ReadDir(filepath.Join(s.Dir, string(k)))
	for _, e := range entries {
		at := filepath.Join(s.Dir, string(k), e.Name())
		path, err := readBounded(at, maxText)
		if err != nil {
			continue
		}
		if _, err := os.Stat(strings.TrimSuffix(string(path), "\n")); errors.Is(err, fs.ErrNotExist) {
			list = append(list, Leftover{What: "note about a model that is gone", Path: at, Size: int64(len(path)), remove: func() error { return remove(at) }})
		}
	}
	return list
}

// removeStaleLocks removes the locks of folders that are gone: what is left when a
// process ends between the two.
func (s Store) removeStaleLocks() {
	for _, place := range []string{incoming, trash} {
		entries, _ := os.ReadDir(filepath.Join(s.Dir, place))
		for _, e := range entries {
			dir, ok := strings.CutSuffix(filepath.Join(s.Dir, place, e.Name()), lockSuffix)
			if ok && !exists(dir) {
				_ = s.ifUnused(dir, func(string) error { return nil })
			}
		}
	}
}
