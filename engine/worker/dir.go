package worker

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/bise-sh/bise/fault"
)

// maxSocketPath is the longest path a Unix socket can have, in bytes: sun_path
// has 104 on macOS and the BSDs, 108 on Linux, one of them for the final NUL.
const maxSocketPath = 103

// socketDir returns the folder of the sockets, and creates it if it is missing. Only the
// user can enter it: access to a socket is access to the model.
func socketDir() (string, error) {
	var first error // about the preferred folder
	for _, dir := range socketDirs() {
		err := prepare(dir)
		if err == nil {
			return dir, nil
		}
		slog.Warn("folder of sockets is unusable", "err", err)
		first = cmp.Or(first, err)
	}
	// Another user may have created the fixed name. No one can guess a random one.
	random := filepath.Join(os.TempDir(), folderName()+"-")
	if usable(random+"0123456789") != nil {
		return "", first
	}
	dir, err := os.MkdirTemp(filepath.Split(random + "*"))
	if err != nil {
		return "", fmt.Errorf("create a folder for the workers' sockets: %w", err)
	}
	return dir, nil
}

// socketDirs are the folders where sockets can be, the preferred one first: a
// session without XDG_RUNTIME_DIR (cron, su) and one with it should still see
// each other's workers.
func socketDirs() []string {
	var dirs []string
	if run := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		dirs = append(dirs, filepath.Join(run, "bise"))
	}
	fallback := filepath.Join(os.TempDir(), folderName())
	random, _ := filepath.Glob(fallback + "-*") // an invalid pattern matches nothing
	return append(append(dirs, fallback), random...)
}

// folderName is the name of the user's folder among the temporary files of all users.
func folderName() string { return "bise-" + userID() }

// prepare creates a folder of sockets if it is missing, and checks it.
func prepare(dir string) error {
	if err := usable(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create a folder for the workers' sockets: %w", err)
	}
	return private(dir)
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

// existingDirs are the folders of sockets that exist and are safe. Another user's folder
// holds no worker of this user.
func existingDirs() []string {
	return slices.DeleteFunc(socketDirs(), func(dir string) bool { return private(dir) != nil })
}
