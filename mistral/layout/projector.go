package layout

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/gguf"
)

// Projector returns the path of the projector file beside a model whose vectors have width
// components. A file named after the model (x.mmproj.gguf for x.gguf) comes first, then
// the matching one whose name shares the longest prefix. The result is "" if there is no
// projector or several match equally.
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
	e, err := ReadEncoders(&file.Metadata)
	return err == nil && e.Width == width
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
