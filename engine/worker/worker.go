// Package worker keeps the engine contract with a child process: one model, one
// process, one Unix socket.
//
// llama.cpp aborts its process on a broken invariant, and a terminal in raw mode must not
// go down with it. So each model runs in a separate process. [Open] finds it by its
// socket or starts it. The process runs [Serve]. Callers that want the same model with the
// same options share it. It survives the process that started it, and exits when no
// request has come during its keep-alive. There is no daemon to install or to stop,
// but [List] and [Stop] show and end workers.
//
// The socket speaks La Plateforme's HTTP API (package api) and a few control routes under
// /v1/bise/worker/. Access control is the folder's permissions: it belongs to the user.
package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
)

// DefaultKeepAlive is how long a worker stays without a request.
const DefaultKeepAlive = 10 * time.Minute

// A Spec
type Spec struct {
	Name    string             `json:"name"` // the model's name
	Path    string             `json:"path"` // its file
	Options engine.LoadOptions `json:"options"`
	// Fingerprint identifies the content of the file, as gguf.Fingerprint does. If it is
	// empty, the file's path, size and modification time replace it.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Version names the build of bise. A worker of another version is replaced.
	Version string `json:"version,omitempty"`
	// KeepAlive is how long the worker stays after its last request: 0 is
	// DefaultKeepAlive, or what a running worker has; negative is for ever.
	KeepAlive time.Duration `json:"keep_alive_ns,omitempty"`
}

// Key names the worker that a spec wants: two specs with the same key share one.
// It is the start of a SHA-256 over the content of the files and the options that
// change what is loaded, in hexadecimal.
func (s Spec) Key() (string, error) {
	weights := s.Fingerprint
	if weights == "" {
		path, err := filepath.Abs(s.Path)
		if err != nil {
			return "", err
		}
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		weights = fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
	}
	loaded := s.Options
	loaded.StateDir, loaded.StateBytes, loaded.BackendDirs = "", 0, nil
	files := []string{gguf.FileID(loaded.Projector)}
	for _, a := range loaded.Adapters {
		files = append(files, gguf.FileID(a.Path))
	}
	data, err := json.Marshal(struct {
		Weights string
		Files   []string
		Options engine.LoadOptions
	}{weights, files, loaded})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), nil
}

// A Launcher configures the start of a worker process.
type Launcher struct {
	// Command is the program and its arguments. It must call Serve without using stdin and
	// stdout before: Serve reads the spec from stdin and reports on stdout.
	Command []string
	// LogDir is where a worker's stderr goes, in worker-<key>.log. When it is
	// empty or cannot be written, the socket's folder takes the log.
	LogDir string
}
