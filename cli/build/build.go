// Package build says which build of bise this is.
package build

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// version is set by the linker when a release is built.
var version = ""

// llamaModule carries llama.cpp.
const llamaModule = "github.com/ollama/ollama"

// Info says what this program was made of.
type Info struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // there were changes that the commit does not have
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Llama    string `json:"llama,omitempty"` // module and version that llama.cpp is from
}

// Current returns the build of this program.
func Current() Info {
	b := Info{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	for _, m := range info.Deps {
		if m.Path == llamaModule {
			b.Llama = m.Path + " " + m.Version
		}
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	return b
}

// ID identifies the build: workers are shared within one. Two builds between releases
// can have the same version, so the program's file counts, too.
func ID() string {
	b := Current()
	if b.Commit != "" && !b.Modified {
		return b.Version + " " + b.Commit
	}
	id := b.Version + " " + b.Commit
	if exe, err := os.Executable(); err == nil {
		if info, err := os.Stat(exe); err == nil {
			id += fmt.Sprintf(" %d %d", info.Size(), info.ModTime().UnixNano())
		}
	}
	return id
}
