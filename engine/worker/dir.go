package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bise-sh/bise/fault"
)

// maxSocketPath is the longest path a Unix socket can have, in bytes: sun_path
// has 104 on macOS and the BSDs, 108 on Linux, one of them for the final NUL.
const maxSocketPath = 103

// socketDir returns the folder of the sockets, and creates it if it is missing. Only the
// user can enter it: access to a socket is access to the model.
func socketDir() (string, error) {
	var err error
	for _, dir := range socketDirs() {
		if err = usable(dir); err != nil {
			continue
		}
		if err = os.MkdirAll(dir, 0o700); err != nil {
			err = fmt.Errorf("create a folder for the workers' sockets: %w", err)
			continue
		}
		if err := private(dir); err != nil {
			return "", err
		}
		return dir, nil
	}
	return "", err
}

// socketDirs are the folders where sockets can be, the preferred one first: a
// session without XDG_RUNTIME_DIR (cron, su) and one with it should still see
// each other's workers.
func socketDirs() []string {
	var dirs []string
	if run := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		dirs = append(dirs, filepath.Join(run, "bise"))
	}
	return append(dirs, filepath.Join(os.TempDir(), "bise-"+userID()))
}

// usable returns an error if a folder can never hold sockets, as opposed to one with
// unsafe permissions.
func usable(dir string) error {
	longest := filepath.Join(dir, "0123456789abcdef.sock")
	if len(longest) > maxSocketPath {
		return &fault.Error{
			Kind:   fault.Internal,
			Msg:    fmt.Sprintf("the path of a worker's socket has %d bytes (%s): the limit is %d", len(longest), longest, maxSocketPath),
			Advice: "Set XDG_RUNTIME_DIR or TMPDIR to a shorter path.",
		}
	}
	return usableParent(filepath.Dir(dir))
}

// errShared is what is wrong with a folder that is not the user's alone.
func errShared(dir, why string) error {
	return &fault.Error{
		Kind:   fault.Internal,
		Msg:    fmt.Sprintf("the folder of the workers' sockets, %s, is not safe: %s", dir, why),
		Advice: fmt.Sprintf("Check who created it. Then remove it, or run `chmod 700 %s`.", dir),
	}
}

// private checks that a folder belongs to the user, is not a symbolic link, and is closed
// to other users.
func private(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("check the workers' folder: %w", err)
	case info.Mode()&os.ModeSymlink != 0:
		return errShared(dir, "it is a symbolic link")
	case !info.IsDir():
		return errShared(dir, "it is not a folder")
	}
	return owned(dir, info)
}

// existingDirs are the folders of sockets that exist and are safe.
func existingDirs() ([]string, error) {
	var dirs []string
	for _, dir := range socketDirs() {
		switch err := private(dir); {
		case err == nil:
			dirs = append(dirs, dir)
		case !errors.Is(err, os.ErrNotExist):
			return nil, err
		}
	}
	return dirs, nil
}
