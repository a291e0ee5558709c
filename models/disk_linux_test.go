package models

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bise-sh/bise/fault"
)

// ownMounts runs the calling test once more, in a process that may mount file
// systems that nobody else sees, and is true in there.
func ownMounts(t *testing.T) bool {
	t.Helper()
	const inside = "BISE_TEST_MOUNTS"
	if os.Getenv(inside) != "" {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch _, ran := errors.AsType[*exec.ExitError](err); {
	case strings.Contains(string(out), "--- SKIP"), err != nil && !ran:
		t.Skipf("this system lets nobody mount: %v\n%s", err, out)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func mount(t *testing.T, dir, options string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount("bise", dir, "tmpfs", flags, options); err != nil {
		t.Skip("mount: ", err)
	}
	if flags&syscall.MS_REMOUNT == 0 {
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error("unmount: ", err)
			}
		})
	}
}

// said checks that an error says what is wrong and what to do.
func said(t *testing.T, err error, cause error, advice string) {
	t.Helper()
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, cause) || !strings.HasPrefix(e.Msg, "cannot ") || !strings.Contains(e.Advice, advice) {
		t.Errorf("error is %q, %#v", err, e)
	}
}

func TestFullDisk(t *testing.T) {
	if !ownMounts(t) {
		return
	}
	s := Store{Dir: t.TempDir()}
	mount(t, s.Dir, "size=256k", 0)
	path := tiny(t) // 0.6 MB
	_, err := s.Import(t.Context(), Import{Path: path, Way: Copy})
	if err == nil || !strings.Contains(err.Error(), "and 2") {
		t.Errorf("error is %v", err)
	}
	if left := below(t, s); len(left) > 0 {
		t.Errorf("the store has %q", left)
	}
	if _, err := s.Import(t.Context(), Import{Path: path}); err != nil {
		t.Errorf("in place: %v", err)
	}
	// Room for bytes, and none for names.
	s.Dir = t.TempDir()
	mount(t, s.Dir, "size=4m,nr_inodes=7", 0)
	_, err = s.Import(t.Context(), Import{Path: path, Way: Copy})
	said(t, err, syscall.ENOSPC, "Free some disk space")
	if list, err := s.List(); err != nil || len(list) > 0 {
		t.Errorf("listed %v, %v", list, err)
	}
}

func TestReadOnly(t *testing.T) {
	if !ownMounts(t) {
		return
	}
	s := Store{Dir: t.TempDir()}
	mount(t, s.Dir, "", 0)
	install(t, s, "a", "x", "weights")
	// An installation that was cut off at its end cannot be finished.
	st, err := s.Stage("b", "x")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(st.Dir, manifestName), "{}")
	mount(t, s.Dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY)
	list, err := s.List()
	if err != nil || len(list) != 1 || list[0].Problem != nil {
		t.Errorf("listed %v, %v", list, err)
	}
	m, err := s.Find("a")
	if err != nil {
		t.Fatal(err)
	}
	if damage, err := s.Verify(t.Context(), m, nil); err != nil || len(damage) > 0 {
		t.Errorf("verified: %v, %v", damage, err)
	}
	if err := s.MarkUsed(m); err == nil {
		t.Error("it was written that the model is used")
	}
	const advice = "Check the permissions of the folder"
	_, err = s.Stage("c", "x")
	said(t, err, syscall.EROFS, advice)
	_, err = s.Remove(m)
	said(t, err, syscall.EROFS, advice)
	_, err = s.Import(t.Context(), Import{Path: tiny(t)})
	said(t, err, syscall.EROFS, advice)
	waste, err := s.Leftovers(0)
	if err != nil || len(waste) != 1 {
		t.Fatalf("waste is %v, %v", waste, err)
	}
	said(t, waste[0].Remove(), syscall.EROFS, advice)
}
