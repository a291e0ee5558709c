package models

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/models/caches"
)

// loose returns the models in GGUF files that the user put into the store's folder.
func (s Store) loose(entries []os.DirEntry) []Model {
	var list []Model
	for _, found := range caches.InFolder(s.Dir, entries) {
		m := fromCache(found)
		m.Origin = Loose
		if found.Missing > 0 {
			m.Problem = fmt.Errorf("%d of its %d files are missing", found.Missing, found.Missing+len(found.Files))
		}
		list = append(list, m)
	}
	return list
}

// cached returns the models in other programs' caches by name. If another model has the
// same name, the name is the full reference.
func (s Store) cached(own []Model) []Model {
	var list []Model
	taken := map[string]int{}
	for _, m := range own {
		taken[strings.ToLower(m.Name)]++
	}
	for _, c := range s.Caches {
		found, err := c.Models()
		if err != nil {
			continue // see Unreadable
		}
		for _, f := range found {
			m := fromCache(f)
			m.Origin, m.Program, m.fullName = Cached, string(f.Program), f.Ref
			taken[strings.ToLower(m.Name)]++
			list = append(list, m)
		}
	}
	for i := range list {
		if taken[strings.ToLower(list[i].Name)] > 1 {
			list[i].Name = list[i].fullName
		}
	}
	slices.SortFunc(list, compareNames)
	return list
}

// Unreadable returns an error for each cache that this user may not read.
func (s Store) Unreadable() []error {
	var list []error
	for _, c := range s.Caches {
		if f, err := os.Open(c.Dir); err != nil {
			list = append(list, fmt.Errorf("cannot read the models of %s in %s: %w", c.Program, c.Dir, withoutPath(err)))
		} else {
			f.Close()
		}
	}
	return list
}

func fromCache(c caches.Model) Model {
	m := Model{Name: c.Name, Modified: c.Modified}
	for _, f := range c.Files {
		m.add(File{Name: filepath.Base(f.Path), Path: f.Path, Size: f.Size, SHA256: f.SHA256, Role: f.Role})
	}
	m.setSize()
	return m
}
