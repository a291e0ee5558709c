package attach

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxListed is how many entries of a folder are considered.
const maxListed = 10_000

// CompletePath completes a path that a user types, as a shell does: as far as all entries with
// that beginning agree. It also returns their names; those of folders end with a slash. A
// relative path starts in folder, and ~/ in home.
func CompletePath(folder, home, path string) (completed string, names []string) {
	if path == "~" {
		path = "~/"
	}
	slash := strings.LastIndexByte(path, filepath.Separator) + 1
	typed, prefix := path[:slash], path[slash:]
	dir := typed
	if rest, ok := strings.CutPrefix(typed, "~"+string(filepath.Separator)); ok {
		dir = filepath.Join(home, rest)
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(folder, dir)
	}
	f, err := os.Open(dir)
	if err != nil {
		return path, nil
	}
	defer f.Close()
	entries, _ := f.ReadDir(maxListed) // what can be read is what can be completed
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, prefix) || prefix == "" && strings.HasPrefix(name, ".") {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() {
			name += string(filepath.Separator)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return path, nil
	}
	slices.Sort(names)
	return typed + commonPrefix(names[0], names[len(names)-1]), names
}

// commonPrefix returns the beginning that two texts share, in whole runes.
func commonPrefix(a, b string) string {
	for i, r := range a {
		if !strings.HasPrefix(b[min(i, len(b)):], string(r)) {
			return a[:i]
		}
	}
	return a
}
