package models

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Waste is something in the store that is not needed.
type Waste struct {
	What string    `json:"what"` // a noun for display
	Path string    `json:"path"`
	Size int64     `json:"size_bytes"` // that removing it frees
	Time time.Time `json:"time"`       // when it was last changed

	remove func() error
}

// NewWaste is something elsewhere that is not needed, and how it is removed.
func NewWaste(what, path string, size int64, when time.Time, remove func() error) Waste {
	return Waste{What: what, Path: path, Size: size, Time: when, remove: remove}
}

// Remove removes it, unless it has become needed meanwhile.
func (w Waste) Remove() error {
	if err := w.remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cannot("remove "+w.Path, err)
	}
	return nil
}

// Waste finds what is not needed: what was removed and is still in the trash, stages that
// no process has and that did not change for as long as idle, parts of files that were
// being made beside models, and marks of models that are gone.
func (s Store) Waste(idle time.Duration) ([]Waste, error) {
	if _, err := os.Stat(s.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s.settle()
	old := time.Now().Add(-idle)
	var list []Waste
	for _, e := range folders(filepath.Join(s.Dir, trash)) {
		dir := filepath.Join(s.Dir, trash, e.Name())
		if s.held(dir) {
			continue
		}
		list = append(list, s.waste("removed model", dir, func() error { return s.whenFree(dir, empty) }))
	}
	for _, e := range folders(filepath.Join(s.Dir, incoming)) {
		dir := filepath.Join(s.Dir, incoming, e.Name())
		w := s.waste("unfinished download or import", dir, func() error { return s.whenFree(dir, removeAll) })
		if w.Time.Before(old) && !s.held(dir) {
			list = append(list, w)
		}
	}
	for _, e := range folders(s.Dir) {
		if !strings.HasPrefix(e.Name(), ".bise-") || !strings.HasSuffix(e.Name(), ".part") {
			continue // the name that package staging gives
		}
		dir := filepath.Join(s.Dir, e.Name())
		if w := s.waste("unfinished file", dir, func() error { return removeAll(dir) }); w.Time.Before(old) {
			list = append(list, w)
		}
	}
	for _, k := range []mark{used, verified} {
		list = append(list, s.oldMarks(k)...)
	}
	s.dropLocks()
	return list, nil
}

// waste measures a folder.
func (s Store) waste(what, dir string, remove func() error) Waste {
	w := Waste{What: what, Path: dir, Size: frees(dir), remove: remove}
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

// held reports whether a process has a stage or a folder of the trash.
func (s Store) held(dir string) bool {
	busy := true
	_ = s.whenFree(dir, func(string) error { busy = false; return nil })
	return busy
}

// whenFree does something with a folder that no process has, and that no process
// can take while it is done.
func (s Store) whenFree(dir string, do func(dir string) error) error {
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer unlock()
	l, err := hold(dir + lockEnd)
	if err != nil || l == nil {
		return err
	}
	err = do(dir)
	if !exists(dir) {
		_ = remove(dir + lockEnd)
	}
	return errors.Join(err, l.Unlock())
}

// oldMarks are those of models that are gone.
func (s Store) oldMarks(k mark) []Waste {
	var list []Waste
	entries, _ := os.ReadDir(filepath.Join(s.Dir, string(k)))
	for _, e := range entries {
		at := filepath.Join(s.Dir, string(k), e.Name())
		path, err := readBounded(at, maxText)
		if err != nil {
			continue
		}
		if _, err := os.Stat(strings.TrimSuffix(string(path), "\n")); errors.Is(err, fs.ErrNotExist) {
			list = append(list, Waste{What: "note about a model that is gone", Path: at, Size: int64(len(path)), remove: func() error { return remove(at) }})
		}
	}
	return list
}

// dropLocks removes the locks of folders that are gone: what is left when a
// process ends between the two.
func (s Store) dropLocks() {
	for _, place := range []string{incoming, trash} {
		entries, _ := os.ReadDir(filepath.Join(s.Dir, place))
		for _, e := range entries {
			dir, ok := strings.CutSuffix(filepath.Join(s.Dir, place, e.Name()), lockEnd)
			if ok && !exists(dir) {
				_ = s.whenFree(dir, func(string) error { return nil })
			}
		}
	}
}
