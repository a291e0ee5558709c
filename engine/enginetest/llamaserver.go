package enginetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// LlamaServer returns the path of llama.cpp's server for tests: that of $LLAMA_SERVER, on the PATH, or
// the one that `make llama-server` has built. Without any it skips the test.
func LlamaServer(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("LLAMA_SERVER"); path != "" {
		return path
	}
	if path, err := exec.LookPath("llama-server"); err == nil {
		return path
	}
	native := os.Getenv("BISE_NATIVE_CACHE")
	if cache, err := os.UserCacheDir(); native == "" && err == nil {
		native = filepath.Join(cache, "bise", "native")
	}
	if list, _ := filepath.Glob(filepath.Join(native, "llama-server-*", "llama-server")); len(list) > 0 {
		return list[len(list)-1]
	}
	t.Skip("no llama-server is installed; make llama-server builds one")
	return ""
}
