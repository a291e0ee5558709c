package caches

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

const extension = ".gguf"

// part matches the end of the name of a split file.
var part = regexp.MustCompile(`(?i)-(\d{5})-of-(\d{5})$`)

// Stem removes .gguf, in any case, and the number of the part from a file's name. number
// and parts are 1 if it is not split; ok is false if the name does not end in .gguf.
func Stem(name string) (stem string, number, parts int, ok bool) {
	n := len(name) - len(extension)
	if n <= 0 || !strings.EqualFold(name[n:], extension) {
		return name, 0, 0, false
	}
	stem = name[:n]
	m := part.FindStringSubmatch(stem)
	if m == nil {
		return stem, 1, 1, true
	}
	number, _ = strconv.Atoi(m[1])
	parts, _ = strconv.Atoi(m[2])
	return strings.TrimSuffix(stem, m[0]), number, parts, true
}

// InFolder returns the models in the GGUF files of a folder. It ignores projectors (mmproj),
// importance matrices and hidden files.
func InFolder(dir string, entries []os.DirEntry) []Model {
	var list []Model
	type whole struct {
		stem  string
		parts int
	}
	later := map[whole][]File{}
	count := map[int]whole{} // index in list of those that are split
	for _, entry := range entries {
		name := entry.Name()
		stem, number, parts, ok := Stem(name)
		lower := strings.ToLower(name)
		if !ok || name[0] == '.' || strings.Contains(lower, "mmproj") || strings.Contains(lower, "imatrix") || strings.ContainsFunc(name, unicode.IsControl) {
			continue
		}
		file := File{Path: filepath.Join(dir, name), Role: Weights}
		info, err := os.Stat(file.Path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		file.Size = info.Size()
		if number != 1 {
			later[whole{stem, parts}] = append(later[whole{stem, parts}], file)
			continue
		}
		if parts > 1 {
			count[len(list)] = whole{stem, parts}
		}
		list = append(list, Model{Name: stem, Files: []File{file}, Modified: info.ModTime()})
	}
	for i, w := range count {
		list[i].Files = append(list[i].Files, later[w]...)
		list[i].Missing = max(0, w.parts-len(list[i].Files))
	}
	return list
}
