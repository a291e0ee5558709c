package models

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bise-sh/bise/atomicfile"
)

// A Leftover is a file or folder that is not needed.
type Leftover struct {
	What string    `json:"what"` // a noun for display
	Path string    `json:"path"`
	Size int64     `json:"size_bytes"` // that removing it frees
	Time time.Time `json:"time"`       // of the last change

	remove func() error
}

// NewLeftover makes a Leftover outside of the store.
func NewLeftover(what, path string, size int64, when time.Time, remove func() error) Leftover {
	return Leftover{What: what, Path: path, Size: size, Time: when, remove: remove}
}

// Remove removes it, unless a process uses it by now.
func (l Leftover) Remove() error {
	if err := l.remove(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storeError("remove "+l.Path, err)
	}
	return nil
}

// Leftovers finds removed models in the trash, stages that no process uses and that did
// not change for idle, unfinished files, and marks of models that do not exist any more.
func (s Store) Leftovers(idle time.Duration) ([]Leftover, error) {
	s.recover()
	old := time.Now().Add(-idle)
	var list []Leftover
	for _, dir := range subfolders(filepath.Join(s.Dir, trash)) {
		if !s.inUse(dir) {
			list = append(list, leftover("removed model", dir, func() error { return s.ifUnused(dir, purge) }))
		}
	}
	for _, dir := range subfolders(filepath.Join(s.Dir, incoming)) {
		l := leftover("unfinished download or import", dir, func() error { return s.ifUnused(dir, removeAll) })
		if l.Time.Before(old) && !s.inUse(dir) {
			list = append(list, l)
		}
	}
	for _, dir := range subfolders(s.Dir) {
		if ours, _ := filepath.Match(".bise-*.part", filepath.Base(dir)); !ours { // of package atomicfile
			continue
		}
		if l := leftover("unfinished file", dir, func() error { return removeAll(dir) }); l.Time.Before(old) {
			list = append(list, l)
		}
	}
	for _, k := range []mark{used, verified} {
		list = append(list, s.staleMarks(k)...)
	}
	s.removeStaleLocks()
	return list, nil
}

func leftover(what, dir string, remove func() error) Leftover {
	l := Leftover{What: what, Path: dir, Size: freedBytes(dir), remove: remove}
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil {
			if info, err := d.Info(); err == nil && info.ModTime().After(l.Time) {
				l.Time = info.ModTime()
			}
		}
		return nil
	})
	return l
}

// inUse reports whether a process has locked a stage or a folder of the trash.
func (s Store) inUse(dir string) bool {
	busy := true
	_ = s.ifUnused(dir, func(string) error { busy = false; return nil })
	return busy
}

// ifUnused calls do with a folder that no process has locked, and keeps it locked meanwhile.
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

func (s Store) staleMarks(k mark) []Leftover {
	var list []Leftover
	entries, _ := os.ReadDir(filepath.Join(s.Dir, string(k)))
	for _, e := range entries {
		path := filepath.Join(s.Dir, string(k), e.Name())
		model, err := atomicfile.ReadFile(path, maxText)
		if err != nil {
			continue
		}
		if _, err := os.Stat(strings.TrimSuffix(string(model), "\n")); errors.Is(err, fs.ErrNotExist) {
			list = append(list, Leftover{What: "note about a deleted model", Path: path, Size: int64(len(model)), remove: func() error { return remove(path) }})
		}
	}
	return list
}

// removeStaleLocks removes the locks of folders that were removed by a process that ended
// before it removed the lock.
func (s Store) removeStaleLocks() {
	for _, place := range []string{incoming, trash} {
		entries, _ := os.ReadDir(filepath.Join(s.Dir, place))
		for _, e := range entries {
			if dir, ok := strings.CutSuffix(filepath.Join(s.Dir, place, e.Name()), lockSuffix); ok && !exists(dir) {
				_ = s.ifUnused(dir, func(string) error { return nil })
			}
		}
	}
}
