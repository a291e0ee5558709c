package attach

import (
	"context"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// FilesIn lists the files in a folder, by their paths in it: in a git repository
// the tracked files and the untracked ones that are not ignored, elsewhere the files
// that are not hidden nor in node_modules. more reports whether limit was reached.
func FilesIn(ctx context.Context, folder string, limit int) (paths []string, more bool, err error) {
	cmd := exec.CommandContext(ctx, "git", "-C", folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if out, err := cmd.Output(); err == nil {
		paths = strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		paths = slices.DeleteFunc(paths, func(s string) bool { return s == "" })
		for i, p := range paths {
			paths[i] = filepath.FromSlash(p)
		}
		slices.Sort(paths)
		paths = slices.Compact(paths)
		return paths[:min(len(paths), limit)], len(paths) > limit, nil
	}
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case len(paths) == limit:
			more = true
			return fs.SkipAll
		case err != nil && path == folder:
			return ReadError(folder, err)
		case err != nil:
			return nil // an unreadable folder has no files for us
		case path != folder && strings.HasPrefix(d.Name(), "."), d.Name() == "node_modules":
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			if rel, err := filepath.Rel(folder, path); err == nil {
				paths = append(paths, rel)
			}
		}
		return nil
	})
	return paths, more, err
}
