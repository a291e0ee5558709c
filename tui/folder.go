package tui

import (
	"context"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// maxFiles is how many files are listed.
const maxFiles = 50_000

// filesIn lists the files in a folder: those that git knows or would know, or
// else all but hidden ones.
func filesIn(ctx context.Context, folder string) (paths []string, more bool) {
	cmd := exec.CommandContext(ctx, "git", "-C", folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if out, err := cmd.Output(); err == nil {
		paths = strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		paths = slices.DeleteFunc(paths, func(s string) bool { return s == "" })
		slices.Sort(paths)
		paths = slices.Compact(paths)
		return paths[:min(len(paths), maxFiles)], len(paths) > maxFiles
	}
	filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil || len(paths) == maxFiles:
			more = true
			return fs.SkipAll
		case err != nil:
			return nil // what cannot be read is not offered
		case path != folder && strings.HasPrefix(d.Name(), "."), d.Name() == "node_modules":
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			paths = append(paths, relative(folder, path))
		}
		return nil
	})
	return paths, more
}

// relative is a path as people say it from the folder they are in.
func relative(folder, path string) string {
	if rel, err := filepath.Rel(folder, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
