package models

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const extension = ".gguf"

// part is the end of the name of a split file, as llama.cpp writes it.
var part = regexp.MustCompile(`(?i)-(\d{5})-of-(\d{5})$`)

// loose are the models in GGUF files that somebody has put into the store's
// folder. Projectors (mmproj), and the parts of split files after the first, are
// not models by themselves.
func (s Store) loose(entries []os.DirEntry) []Model {
	var list []Model
	parts := map[string][]File{} // those after the first
	for _, entry := range entries {
		stem, ok := cutExtension(entry.Name())
		if !ok || strings.HasPrefix(stem, ".") || strings.Contains(strings.ToLower(stem), "mmproj") {
			continue
		}
		path := filepath.Join(s.Dir, entry.Name())
		// Stat, not entry.Info: links to files elsewhere are models too.
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		file := File{Name: entry.Name(), Path: path, Size: info.Size(), Role: Weights}
		if m := part.FindStringSubmatch(stem); m != nil {
			stem = strings.TrimSuffix(stem, m[0])
			if m[1] != "00001" {
				parts[stem] = append(parts[stem], file)
				continue
			}
		}
		list = append(list, Model{Name: stem, Origin: Loose, Path: path, Files: []File{file}, Modified: info.ModTime()})
	}
	for i := range list {
		m := &list[i]
		if part.MatchString(strings.TrimSuffix(m.Path, filepath.Ext(m.Path))) {
			m.Files = append(m.Files, parts[m.Name]...)
		}
		m.sum()
	}
	return list
}

// cutExtension cuts .gguf off a name, in any case.
func cutExtension(name string) (stem string, ok bool) {
	if n := len(name) - len(extension); n > 0 && strings.EqualFold(name[n:], extension) {
		return name[:n], true
	}
	return name, false
}
