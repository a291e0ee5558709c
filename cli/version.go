package cli

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = ""

// llamaModule carries llama.cpp.
const llamaModule = "github.com/ollama/ollama"

// A build says what this program was made of.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // there were changes that the commit does not have
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Llama    string `json:"llama,omitempty"` // module and version that llama.cpp is from
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
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

// buildID tells builds apart whose workers must not be shared. Two builds
// between releases can have one version, so the program's file is looked at too.
func buildID() string {
	b := thisBuild()
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

func versionCommand(con *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Tell which build of bise this is",
		Args:        flags.Args(cobra.NoArgs, "no arguments"),
		Annotations: flags.Mark(flags.Bare),
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			if con.JSON {
				return con.WriteJSON(b)
			}
			line := "bise " + b.Version
			if b.Commit != "" && !strings.Contains(b.Version, b.Commit[:min(7, len(b.Commit))]) {
				line += ", commit " + b.Commit[:min(12, len(b.Commit))]
				if b.Modified {
					line += " and changes"
				}
			}
			line += fmt.Sprintf(" (%s, %s)\n", b.Platform, b.Go)
			if b.Llama != "" {
				line += "llama.cpp from " + b.Llama + "\n"
			}
			_, err := fmt.Fprint(con.Stdout, line)
			return err
		},
	}
}
