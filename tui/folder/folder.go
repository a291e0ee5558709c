package folder

import (
	"context"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// MaxFiles is how many files are listed.
const MaxFiles = 50_000

// Files lists the files in a folder: those that git knows or would know, or
// else all but hidden ones.
func Files(ctx context.Context, folder string) (paths []string, more bool) {
	cmd := exec.CommandContext(ctx, "git", "-C", folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if out, err := cmd.Output(); err == nil {
		paths = strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		paths = slices.DeleteFunc(paths, func(s string) bool { return s == "" })
		slices.Sort(paths)
		paths = slices.Compact(paths)
		return paths[:min(len(paths), MaxFiles)], len(paths) > MaxFiles
	}
	filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil || len(paths) == MaxFiles:
			more = true
			return fs.SkipAll
		case err != nil:
			return nil // what cannot be read is not offered
		case path != folder && strings.HasPrefix(d.Name(), "."), d.Name() == "node_modules":
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			paths = append(paths, Relative(folder, path))
		}
		return nil
	})
	return paths, more
}

// Relative is a path as people say it from the folder they are in.
func Relative(folder, path string) string {
	if rel, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
