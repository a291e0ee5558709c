package attach

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestClipboard(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the programs are Linux's")
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	wayland := func(name string) string { return map[string]string{"WAYLAND_DISPLAY": "wayland-0"}[name] }
	program := func(script string) {
		if err := os.WriteFile(filepath.Join(bin, "wl-paste"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	want := pngOf(t, corner(4, 4))
	path := filepath.Join(t.TempDir(), "copied")
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	program("cat " + path)
	if got, err := ClipboardImage(t.Context(), wayland); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	program(fmt.Sprintf("head -c %d /dev/zero", MaxImage+1))
	if _, err := ClipboardImage(t.Context(), wayland); err == nil || !strings.Contains(err.Error(), "larger than 20 MB") {
		t.Errorf("a large one: %v", err)
	}
	program("echo 'No selection' >&2; exit 1")
	if _, err := ClipboardImage(t.Context(), wayland); err == nil || !strings.Contains(err.Error(), "there is no image on it") {
		t.Errorf("an empty one: %v", err)
	}
}

func TestNoClipboard(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("there always is one")
	}
	t.Setenv("PATH", t.TempDir())
	for name, tt := range map[string]struct {
		env  map[string]string
		want string
	}{
		"none":          {nil, "there is none here"},
		"ssh":           {map[string]string{"SSH_CONNECTION": "1", "DISPLAY": ":0"}, "there is none here"},
		"not installed": {map[string]string{"DISPLAY": ":0"}, "xclip is not installed"},
	} {
		if _, err := ClipboardImage(t.Context(), func(name string) string { return tt.env[name] }); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
