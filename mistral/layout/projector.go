package layout

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/gguf"
)

// Projector is the path of the projector file that belongs to a model whose
// vectors have width components, "" when none lies beside it or it is not clear
// which of several it is. A file named like the model (x.mmproj.gguf for x.gguf)
// comes first; else, of those that fit, the one whose name begins most like it.
func Projector(model string, width int) string {
	dir, name := filepath.Split(model)
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	own := dir + stem + ".mmproj.gguf"
	list, _ := filepath.Glob(filepath.Join(escape(dir), "*mmproj*.gguf"))
	if slices.Contains(list, filepath.Clean(own)) {
		return own
	}
	// Publishers' own way is mmproj-NAME.gguf.
	alike := func(path string) int {
		base := strings.ToLower(filepath.Base(path))
		return common(strings.TrimLeft(strings.TrimPrefix(base, "mmproj"), "-_."), strings.ToLower(stem))
	}
	list = slices.DeleteFunc(list, func(path string) bool { return !fits(path, width) })
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(alike(b), alike(a)) })
	if len(list) == 0 || len(list) > 1 && alike(list[0]) == alike(list[1]) {
		return ""
	}
	return list[0]
}

// fits reports whether a file is a projector to vectors of a width.
func fits(path string, width int) bool {
	file, err := gguf.Read(path)
	if err != nil {
		return false
	}
	_, w, err := ImageGrid(&file.Metadata)
	return err == nil && w == width
}

// escape makes a folder's name match only itself.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `[`, `\[`, `?`, `\?`, `*`, `\*`).Replace(dir)
}

func common(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
