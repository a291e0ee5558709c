//go:build cgo

package llama

import (
	"os"
	"path/filepath"
	"sync"
)

// Backends loads ggml's backends: the CPU code for this processor's vector instructions
// and the GPU code. It searches dirs, then ../lib/bise beside the program, then the
// build's cache, and uses the first folder that has any. Without backends llama.cpp
// computes without vector instructions, about 20 times slower. Only the first call loads.
func Backends(dirs ...string) {
	backends.Do(func() {
		logInit(verbosity)
		// On a broken invariant ggml would start a debugger to print a trace. That takes
		// seconds, during which no client learns that the worker is gone.
		os.Setenv("GGML_NO_BACKTRACE", "1")
		for _, dir := range append(dirs, backendDirs()...) {
			if loadBackends(dir) > 0 {
				backendDir = dir
				break
			}
		}
		backendInit()
	})
}

var (
	backends   sync.Once
	backendDir string
)

// version is that of llama.cpp's module. Backends must be built from the same version, and
// KV saved by another version may be incompatible.
const version = "ollama-v0.24.0"

const (
	logInfo  logLevel = 2
	logError logLevel = 4
)

var verbosity = logError

// Log makes llama.cpp log to stderr everything, not only errors. Call it before anything
// else in this package.
func Log() { verbosity = logInfo }

func backendDirs() []string {
	var dirs []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dirs = append(dirs, filepath.Join(filepath.Dir(exe), "..", "lib", "bise"))
	}
	root := os.Getenv("BISE_NATIVE_CACHE")
	if root == "" {
		if cache, err := os.UserCacheDir(); err == nil {
			root = filepath.Join(cache, "bise", "native")
		}
	}
	return append(dirs, filepath.Join(root, version, "lib"))
}

// Devices lists the devices, and the folder of the backends in use: "" if only the code
// without vector instructions is available.
func Devices() (list []Device, dir string) {
	Backends()
	seen := map[string]bool{}
	for _, d := range devices() {
		if seen[d.name] {
			continue // the CPU without vector instructions
		}
		seen[d.name] = true
		list = append(list, Device{d.name, d.description, d.gpu, d.free, d.total})
	}
	return list, backendDir
}
